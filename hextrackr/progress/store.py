"""Where live sessions are kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from .session import Session


class SessionStore(Protocol):
    """What the tracker asks of a store."""

    def get(self, session_id: str) -> Session | None:
        """The session, if it is held."""
        ...

    def put(self, session: Session) -> None:
        """Hold a new session, or the new state of one."""
        ...

    def drop(self, session_id: str) -> None:
        """Forget a session; an unknown one is no error."""
        ...

    def __iter__(self) -> Iterator[Session]:
        """Every session held, in a list of its own: dropping while iterating is allowed."""
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
