"""Where live sessions are stored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from .session import Session


class SessionStore(Protocol):
    """The interface that the tracker needs."""

    def get(self, session_id: str) -> Session | None:
        """Return the session, or None."""
        ...

    def put(self, session: Session) -> None:
        """Store a new session, or the new state of one."""
        ...

    def drop(self, session_id: str) -> None:
        """Delete a session; an unknown id is no error."""
        ...

    def __iter__(self) -> Iterator[Session]:
        """Iterate over a copy of the list of sessions, so that they may be dropped meanwhile."""
        ...


class MemoryStore:
    """The sessions of this process."""

    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}

    def get(self, session_id: str) -> Session | None:
        return self._sessions.get(session_id)

    def put(self, session: Session) -> None:
        self._sessions[session.id] = session

    def drop(self, session_id: str) -> None:
        self._sessions.pop(session_id, None)

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self._sessions.values()))
