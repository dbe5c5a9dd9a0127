"""One session: where a long operation stands, and what a client is told of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hextrackr.errors import ErrorRecord

from . import snapshots
from .protocol import Snapshot, Status


@dataclass(frozen=True)
class Waiting:
    """An event that waits until its time has come.

    :ivar replaceable: the next event takes its place, as it tells all that this one tells.
    """

    event: str
    snapshot: Snapshot
    replaceable: bool


@dataclass
class Session:
    """The state of one operation.

    :ivar progress: 0..100, never falling.
    :ivar start_time: wall clock, ms; ``last_update`` likewise.
    :ivar started: monotonic, ms; ``touched`` and ``emitted`` likewise.
    :ivar sequence: rises with every change, so that a client can drop what arrives out of order.
    :ivar waiting: the events that are still to be sent, in this order.
    :ivar has_timer: whether they are looked at again by themselves.
    :ivar told: the state that watchers know while events wait, else None. Who joins is told this one, and then hears what waits like
        all the others.
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
    told: Snapshot | None = None
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
        """Take over one change. Progress never goes back and is kept to a tenth of a percent."""
        self.progress = max(self.progress, round(min(100.0, max(0.0, progress)), 1))
        self.metadata = {**self.metadata, **metadata, "message": message}
        self.sequence += 1
        self.last_update = now
        self.touched = monotonic

    def record(self) -> dict[str, Any]:
        """The session as :meth:`ProgressTracker.get_session` answers it."""
        return {
            "id": self.id,
            "progress": self.progress,
            "status": self.status,
            "startTime": self.start_time,
            "lastUpdate": self.last_update,
            "metadata": {**self.metadata, "sequence": self.sequence},
        }

    def snapshot(self, timestamp: int) -> Snapshot:
        """The session as every event carries it."""
        return snapshots.snapshot(
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

    def known_state(self, timestamp: int) -> Snapshot:
        """The session as its watchers know it: the newest state, but for what still waits to be sent."""
        return self.snapshot(timestamp) if self.told is None else {**self.told, "timestamp": timestamp}
