"""One progress session, the state of a long operation; where live ones are stored, and the clock by which they go."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from hextrackr.errors import ErrorRecord

from . import protocol
from .protocol import Snapshot, Status


class Clock(Protocol):
    """Two readings, because the wall clock may be set back, and one timer."""

    def now_ms(self) -> int:
        """Milliseconds since the epoch, for people."""
        ...

    def monotonic_ms(self) -> int:
        """Milliseconds since any fixed point, for intervals."""
        ...

    def call_later(self, delay_ms: int, action: Callable[[], None]) -> None:
        """Run ``action`` once, ``delay_ms`` from now, without blocking the caller."""
        ...


@dataclass(frozen=True)
class Waiting:
    """An event that waits until its interval is over.

    :ivar replaceable: the next event replaces it, as that carries the newer state.
    """

    event: str
    snapshot: Snapshot
    replaceable: bool

    def tells_same_as(self, other: Waiting) -> bool:
        """Whether both are of the same step, with the same message, so that the newer one tells all that this one does."""
        steps = {each.snapshot["metadata"].get("currentStep") for each in (self, other)}
        return self.event == other.event and len(steps) == 1 and self.snapshot["message"] == other.snapshot["message"]


@dataclass
class Session:
    """The state of one operation.

    :ivar progress: 0..100, never falling.
    :ivar start_time: wall clock, ms; ``last_update`` likewise.
    :ivar started: monotonic, ms; ``touched`` and ``emitted`` likewise.
    :ivar sequence: rises with every change, so that a client can drop what arrives out of order.
    :ivar waiting: the events still to be sent, in this order.
    :ivar has_timer: whether a timer is running that will send them.
    :ivar sent: while events wait, the last snapshot that was sent, else None. A client that joins gets this one first, and then the
        waiting events like everybody else.
    """

    id: str
    metadata: dict[str, Any]
    start_time: int
    started: int
    sequence: int = 1
    progress: float = 0.0
    status: Status = "initialized"
    last_update: int = 0
    touched: int = 0
    emitted: int | None = None
    waiting: list[Waiting] = field(default_factory=list)
    has_timer: bool = False
    sent: Snapshot | None = None
    duration: int | None = None
    error: ErrorRecord | None = None

    def __post_init__(self) -> None:
        self.last_update = self.last_update or self.start_time
        self.touched = self.touched or self.started

    @property
    def finished(self) -> bool:
        """Whether the operation has ended; its terminal event may still wait."""
        return self.status in ("completed", "error")

    @property
    def step(self) -> int:
        """Which step of the operation is under way, from 1; 0 before that."""
        return self.metadata.get("currentStep") or 0

    def change(self, now: int, monotonic: int, progress: float, message: str, metadata: dict[str, Any]) -> None:
        """Apply one change. Progress never goes back, and is rounded to a tenth of a percent."""
        self.progress = max(self.progress, round(min(100.0, max(0.0, progress)), 1))
        self.metadata = {**self.metadata, **metadata, "message": message}
        self.sequence += 1
        self.last_update = now
        self.touched = monotonic

    def as_dict(self) -> dict[str, Any]:
        """The session as :meth:`ProgressTracker.get_session` returns it."""
        return {
            "id": self.id,
            "progress": self.progress,
            "status": self.status,
            "startTime": self.start_time,
            "lastUpdate": self.last_update,
            "metadata": {**self.metadata, "sequence": self.sequence},
        }

    def snapshot(self, timestamp: int) -> Snapshot:
        """The session as it is now, in the form that every event carries."""
        return protocol.snapshot(
            self.id,
            self.status,
            self.progress,
            self.metadata.get("message", ""),
            self.metadata,
            sequence=self.sequence,
            start_time=self.start_time,
            last_update=self.last_update,
            timestamp=timestamp,
            duration=self.duration,
            error=self.error,
        )

    def sent_snapshot(self, timestamp: int) -> Snapshot:
        """The session as its watchers see it: without the changes that still wait to be sent."""
        return self.snapshot(timestamp) if self.sent is None else {**self.sent, "timestamp": timestamp}


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
