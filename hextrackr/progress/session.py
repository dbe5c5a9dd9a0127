"""One session: where a long operation stands, and what a client is told of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hextrackr.errors import ErrorRecord

from . import snapshots
from .protocol import Snapshot, Status


@dataclass
class Session:
    """The state of one operation.

    :ivar progress: 0..100, never falling.
    :ivar start_time: wall clock, ms; ``last_update`` likewise.
    :ivar started: monotonic, ms; ``touched`` and ``emitted`` likewise.
    :ivar sequence: rises with every change, so that a client can drop what arrives out of order.
    :ivar held_back: an update waits for its interval to end.
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
    held_back: bool = False
    duration: int | None = None
    error: ErrorRecord | None = field(default=None)

    def __post_init__(self) -> None:
        self.last_update = self.last_update or self.start_time
        self.touched = self.touched or self.started

    @property
    def finished(self) -> bool:
        """Whether the terminal event has been sent."""
        return self.status in ("completed", "error")

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
