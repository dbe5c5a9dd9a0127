"""The log of backups, restores and clears, and of their results.

It is stored in files beside the database, so that it survives the processes and is not replaced with the record.
"""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from hextrackr.db.files import make_durable
from hextrackr.errors import ErrorRecord
from hextrackr.progress import snapshots
from hextrackr.progress.protocol import Snapshot, Status

from ..queue import now_ms

#: Number of entries in the log.
MAX_ENTRIES = 30
#: Nanoseconds by which the clock of a file system may be late.
_TICK_NS = 100_000_000
#: The messages of successful operations.
DONE = {
    "backup": "The backup is complete.",
    "restore": "The record is that of the backup; the record before was saved as a backup.",
    "clear": "The record is empty; the record before was saved as a backup.",
}


@dataclass(frozen=True)
class Entry:
    """One operation. ``state`` is ``running``, ``completed`` or ``failed``; times are milliseconds since the epoch.

    :ivar name: the name of the backup that it makes, which no other operation has.
    :ivar operation: the fields of its :class:`.operations.Operation`.
    :ivar owner: the process that runs it, see :mod:`hextrackr.jobs.process_id`.
    """

    name: str
    kind: str
    session_id: str
    operation: dict[str, Any]
    owner: str
    started_at: int
    finished_at: int | None = None
    state: str = "running"
    error: ErrorRecord | None = None

    def as_json(self) -> dict[str, Any]:
        """The operation as the API returns it."""
        return {
            "sessionId": self.session_id,
            "operation": self.kind,
            "name": self.name,
            "state": self.state,
            "message": self.message,
            "startedAt": self.started_at,
            "finishedAt": self.finished_at,
            "error": self.error,
        }

    @property
    def message(self) -> str:
        """The state or result of the operation, in one sentence."""
        if self.error is not None:
            return self.error["detail"]
        return DONE[self.kind] if self.state == "completed" else "It is under way."

    def snapshot(self) -> Snapshot:
        """The operation as the snapshot of a progress session that has expired."""
        states: dict[str, Status] = {"running": "processing", "completed": "completed", "failed": "error"}
        ended = self.finished_at
        return snapshots.snapshot(
            self.session_id,
            states[self.state],
            100.0 if self.state == "completed" else 0.0,
            self.message,
            {"operation": self.kind, "filename": self.name, "scanDate": None, "totalSteps": 1, "currentStep": 0},
            sequence=1 if ended is None else 1_000_000,
            start_time=self.started_at,
            last_update=ended or self.started_at,
            timestamp=now_ms(),
            duration=None if ended is None else ended - self.started_at,
            error=self.error,
        )


class OperationLog:
    """A folder with a file for each operation.

    :param offload: runs a call that waits for the disk without blocking the event loop.
    """

    def __init__(self, folder: Path, offload: Callable[..., Any]) -> None:
        self._folder = folder
        self._offload = offload
        self._cached: tuple[int, list[Entry]] = (0, [])

    def begin(self, entry: Entry) -> bool:
        """Write the entry of an operation that begins; False if there is one of this name."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return bool(self._offload(self._create, entry))

    def end(self, entry: Entry, error: ErrorRecord | None) -> Entry:
        """Write the result of an operation: completed, or failed if there is an error."""
        ended = replace(entry, finished_at=now_ms(), state="failed" if error else "completed", error=error)
        self._offload(self._write, ended)
        for old in self.entries()[MAX_ENTRIES:]:
            self._path(old.name).unlink(missing_ok=True)
        return ended

    def entries(self) -> list[Entry]:
        """All entries, the newest first."""
        try:
            changed = self._folder.stat().st_mtime_ns
        except FileNotFoundError:
            return []
        if changed != self._cached[0]:
            found = [entry for path in self._folder.glob("*.json") if (entry := _read(path)) is not None]
            found.sort(key=lambda entry: (entry.started_at, entry.name), reverse=True)
            # A recent change is not cached: another one in the same tick of the file system's clock would not show.
            self._cached = changed if changed < time.time_ns() - _TICK_NS else 0, found
        return self._cached[1]

    def of_session(self, session_id: str) -> Entry | None:
        """The newest operation under a session id."""
        return next((entry for entry in self.entries() if entry.session_id == session_id), None)

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.json"

    def _create(self, entry: Entry) -> bool:
        made = self._prepared(entry)
        try:
            os.link(made, self._path(entry.name))  # fails if it exists
        except FileExistsError:
            return False
        finally:
            made.unlink()
        make_durable(self._folder)
        return True

    def _write(self, entry: Entry) -> None:
        self._prepared(entry).replace(self._path(entry.name))
        make_durable(self._folder)

    def _prepared(self, entry: Entry) -> Path:
        made = self._folder / f".{uuid.uuid4().hex}"
        with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
            json.dump(asdict(entry), stream)
            stream.flush()
            os.fsync(stream.fileno())
        return made


def _read(path: Path) -> Entry | None:
    try:
        return Entry(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
