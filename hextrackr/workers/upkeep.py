"""Backs up, restores and clears the record: one at a time, in the importer process, told through the progress tracker."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.engine import make_url

from hextrackr.backups import checking
from hextrackr.backups.operations import Operation
from hextrackr.errors import BackupElsewhere, BackupRefused, Conflict, ErrorRecord, HexTrackrError, NotFound
from hextrackr.progress.tracker import ProgressTracker

from .channel import Message
from .supervisor import Supervisor

_NAME = re.compile(r"[a-z]+(?:-[a-z]+)*-\d{8}-\d{6}(?:-\d+)?\.sqlite3")
_DONE = {
    "backup": "The backup is complete.",
    "restore": "The record is that of the backup; what it replaced is kept as a backup.",
    "clear": "The record is empty; what it held is kept as a backup.",
}
_KEPT = {"backup": "backup", "restore": "before-restore", "clear": "before-clear"}


@dataclass(frozen=True)
class Backup:
    """A file in the backup folder; ``created_at`` in milliseconds since the epoch."""

    name: str
    size: int
    created_at: int


class Upkeep:
    """The backups of one app, and what is done with them.

    :param supervisor: has the importer process, and no import beside what is done here.
    :param folder: where the backups are.
    :param start_task: starts a background task in the server's async mode.
    """

    def __init__(
        self,
        supervisor: Supervisor,
        tracker: ProgressTracker,
        folder: Path,
        database_url: str,
        start_task: Callable[..., Any],
    ) -> None:
        self._supervisor = supervisor
        self._tracker = tracker
        self._folder = folder
        url = make_url(database_url)
        self._database = url.database or ""
        #: What is said instead of everything here, where the record is not a file of ours.
        self.refusal = None if url.get_backend_name() == "sqlite" else BackupElsewhere()
        self._start_task = start_task
        self._busy = False

    def backups(self) -> list[Backup]:
        """All there are, the newest first."""
        found = [path for path in self._folder.glob("*.sqlite3") if _NAME.fullmatch(path.name)]
        told = [Backup(path.name, path.stat().st_size, int(path.stat().st_mtime * 1000)) for path in found]
        return sorted(told, key=lambda backup: (backup.created_at, backup.name), reverse=True)

    def path(self, name: str) -> Path:
        """The file of a backup; a name is never a path.

        :raises NotFound: there is no such backup.
        :raises BackupElsewhere: the record is in PostgreSQL.
        """
        self._insist()
        path = self._folder / name
        if not _NAME.fullmatch(name) or not path.is_file():
            raise NotFound("There is no backup with this name.", "UNKNOWN_BACKUP")
        return path

    def take_in(self, stored: Path) -> Backup:
        """Put an uploaded file among the backups; it is looked at closely when it is restored.

        :raises BackupRefused: it is none at first sight.
        :raises BackupElsewhere: the record is in PostgreSQL.
        """
        self._insist()
        if not checking.begins_like_one(stored):
            raise BackupRefused
        path = self._new("uploaded")
        shutil.move(stored, path)
        path.chmod(0o600)
        return Backup(path.name, path.stat().st_size, int(path.stat().st_mtime * 1000))

    def begin(self, kind: str, session_id: str, source: Path | None = None) -> str:
        """Begin a ``backup``, a ``restore`` of ``source`` or a ``clear``, and return the name of the backup that it makes.

        :raises Conflict: ``UPKEEP_BUSY``: something of the kind is under way; ``SESSION_IN_USE``; ``IMPORTS_UNFINISHED``.
        :raises BackupElsewhere: the record is in PostgreSQL.
        """
        if self._busy:
            raise Conflict("Another backup or restore is under way.", "UPKEEP_BUSY")
        operation = self.operation(kind, source)
        if kind != "backup":
            self._supervisor.hold()
        try:
            opening = {"operation": kind, "filename": Path(operation.backup).name, "message": "Waiting for its turn..."}
            self._tracker.create_session_with_id(session_id, opening)
            self._busy = True
            self._start_task(self._run, operation, session_id)
        except HexTrackrError:
            self._supervisor.release()
            raise
        return Path(operation.backup).name

    def operation(self, kind: str, source: Path | None = None) -> Operation:
        """What the importer process is to do.

        :raises BackupElsewhere: the record is in PostgreSQL.
        """
        self._insist()
        return Operation(kind, self._database, str(self._new(_KEPT[kind])), str(source or ""))

    def _insist(self) -> None:
        if self.refusal is not None:
            raise self.refusal

    def _run(self, operation: Operation, session_id: str) -> None:
        error: ErrorRecord | None = HexTrackrError().record()
        try:
            error = self._supervisor.ask(
                {"type": "upkeep", **asdict(operation)}, lambda line: self._progressed(session_id, line)
            )
        finally:
            self._busy = False
            self._supervisor.release()
            if error is None:
                self._tracker.complete_session(session_id, _DONE[operation.kind])
            else:
                self._tracker.error_session(session_id, error)

    def _progressed(self, session_id: str, line: Message) -> None:
        self._tracker.update_progress(session_id, line["progress"], line["message"])

    def _new(self, kind: str) -> Path:
        """A path of which there is none yet."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        named = f"{kind}-{time.strftime('%Y%m%d-%H%M%S')}"
        paths = (
            self._folder / f"{named}{suffix}.sqlite3" for suffix in ("", *(f"-{number}" for number in range(2, 100)))
        )
        return next(path for path in paths if not path.exists())
