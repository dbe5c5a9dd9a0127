"""Run backups, restores and clears of the record: one at a time, in the importer process, reported through the progress tracker.

Their results are stored in a log, in files beside the database, so that it survives the processes and is not replaced with the record.
Whether one was carried out is judged by the files and not by the last message of a process: the backup exists or not, and a database that
has replaced the record contains the number of the operation.
"""

from __future__ import annotations

import json
import logging
import os
import re
import secrets
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from hextrackr.db.engines import database_file, make_durable
from hextrackr.db.error_mapping import error_from_exception
from hextrackr.errors import (
    BackupElsewhere,
    BackupRefused,
    Conflict,
    ErrorRecord,
    HexTrackrError,
    Interrupted,
    Maintenance,
    NotFound,
    ServerStopping,
)
from hextrackr.ingest.attempt import upload_path
from hextrackr.progress import protocol
from hextrackr.progress.protocol import Snapshot, Status
from hextrackr.progress.tracker import ProgressTracker

from .. import files, process_id
from ..importer_process import Message
from ..maintenance_lock import MaintenanceLock
from ..queue import ImportQueue, now_ms
from ..worker import NOT_STARTED, Worker
from . import restoring
from .operations import Operation

log = logging.getLogger(__name__)

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
        return protocol.snapshot(
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


_NAME = re.compile(r"[a-z]+(?:-[a-z]+)*-\d{8}-\d{6}(?:-\d+)?\.sqlite3")
#: The first part of the name of the backup that each kind of operation makes.
_PREFIXES = {"backup": "backup", "restore": "before-restore", "clear": "before-clear"}
_INTERRUPTED = {
    "backup": "The backup was interrupted before it was complete; no file was made.",
    "restore": "The restore was interrupted before it was done; the record is as it was.",
    "clear": "The clearing was interrupted before it was done; the record is as it was.",
}
#: The error of an operation that reported success without effect.
_WITHOUT_RESULT = HexTrackrError("The work ended without a result; the server's log may have the cause.").record()


@dataclass(frozen=True)
class Backup:
    """A file in the backup folder; ``created_at`` in milliseconds since the epoch."""

    name: str
    size: int
    created_at: int


class BackupService:
    """The backups of one app, and the operations on them.

    :param worker: runs the operations in the importer process, one at a time with the imports.
    :param lock: keeps writers out while the record is replaced.
    :param operations: the log of all operations.
    :param import_queue: the import rows.
    :param instance: the data folder.
    :param start_task: starts a background task in the server's async mode.
    :param offload: runs a call that waits for the disk without blocking the event loop.
    """

    def __init__(
        self,
        worker: Worker,
        lock: MaintenanceLock,
        tracker: ProgressTracker,
        operations: OperationLog,
        import_queue: ImportQueue,
        instance: Path,
        database_url: str,
        start_task: Callable[..., Any],
        offload: Callable[..., Any],
    ) -> None:
        self._worker = worker
        self._lock = lock
        self._tracker = tracker
        self._operations = operations
        self._import_queue = import_queue
        self._instance = instance
        self._folder = instance / "backups"
        self._database = database_file(database_url)
        #: The error that every method raises if the record is not in SQLite, else None.
        self.refusal = None if self._database is not None else BackupElsewhere()
        self._start_task = start_task
        self._offload = offload
        self._busy = False

    def backups(self) -> list[Backup]:
        """All backups, the newest first."""
        found = [path for path in self._folder.glob("*.sqlite3") if _NAME.fullmatch(path.name)]
        backups = [backup for path in found if (backup := _backup(path)) is not None]
        return sorted(backups, key=lambda backup: (backup.created_at, backup.name), reverse=True)

    def path(self, name: str) -> Path:
        """The file of a backup; a name is never a path.

        :raises NotFound: there is no such backup.
        :raises BackupElsewhere: the record is in PostgreSQL.
        """
        self._require_sqlite()
        path = self._folder / name
        if not _NAME.fullmatch(name) or not path.is_file():
            raise NotFound("There is no backup with this name.", "UNKNOWN_BACKUP")
        return path

    def take_in(self, stored: Path) -> Backup:
        """Add an uploaded file to the backups; it is checked fully only when it is restored.

        :raises BackupRefused: it does not begin like a backup.
        :raises BackupElsewhere: the record is in PostgreSQL.
        """
        self._require_sqlite()
        if not restoring.begins_like_one(stored):
            raise BackupRefused
        stored.chmod(0o600)
        for path in self._paths("uploaded"):
            try:
                os.link(stored, path)  # fails if it exists
            except FileExistsError:
                continue
            stored.unlink()
            make_durable(self._folder)
            return _backup(path) or Backup(path.name, 0, now_ms())
        raise Conflict("Too many backups were uploaded in this second; please try again.")

    def begin(self, kind: str, session_id: str, source: Path | None = None) -> str:
        """Begin a ``backup``, a ``restore`` of ``source`` or a ``clear``, and return the name of the backup that it makes.

        :raises Conflict: ``UPKEEP_BUSY``: another operation is running; ``SESSION_IN_USE``; ``IMPORTS_UNFINISHED``;
            ``RECORD_IN_USE``.
        :raises Maintenance: another process is replacing the record.
        :raises BackupElsewhere: the record is in PostgreSQL.
        """
        self._require_sqlite()
        self._worker.refuse_if_stopping()
        if self._busy:
            raise Conflict("Another backup, restore or clear is in progress.", "UPKEEP_BUSY")
        self._busy = True
        with ExitStack() as held:  # released if the operation cannot begin, else passed on to _run()
            held.callback(self._clear_busy)
            if kind != "backup":
                held.enter_context(self._lock.maintaining(self._refuse_unfinished))
            opening = {"operation": kind, "message": "Waiting for its turn..."}
            self._tracker.create_session_with_id(session_id, opening)
            try:
                entry = self._entry(kind, session_id, source)
                self._tracker.update_progress(session_id, 0.0, "Waiting for its turn...", {"filename": entry.name})
                self._start(entry, held.pop_all())
            except Exception as error:
                self._tracker.error_session(session_id, error_from_exception(error).record())
                raise
        return entry.name

    def _start(self, entry: Entry, held: ExitStack) -> None:
        try:
            self._start_task(self._run, entry, held)
        except BaseException:
            held.close()
            self._operations.end(entry, NOT_STARTED)
            raise

    @contextmanager
    def running(self, kind: str, source: Path | None = None, target: Path | None = None) -> Iterator[Operation]:
        """Let a command carry out an operation by itself inside the block.

        :param target: the path of the backup, if it does not go into the backup folder.
        :raises HexTrackrError: as :meth:`begin`; or it has ended without a result.
        """
        self._require_sqlite()
        with ExitStack() as held:
            if kind != "backup":
                held.enter_context(self._lock.maintaining(self._refuse_unfinished))
            entry = self._entry(kind, "", source, target)
            uploads = self._uploads(kind)
            if kind != "backup":
                held.enter_context(self._lock.replacing())
            error: ErrorRecord | None = Interrupted(_INTERRUPTED[kind]).record()
            try:
                yield Operation(**entry.operation)
                error = None
            except Exception as failure:
                error = error_from_exception(failure).record()
                if not Operation(**entry.operation).is_done():
                    raise
            finally:
                error = self._ended(entry, error, uploads)
        if error is not None:
            raise HexTrackrError(error["detail"], error["code"])

    def operations(self) -> list[Entry]:
        """The latest operations, the newest first; the result of those whose process has ended is found out now."""
        return [self._settled(entry) for entry in self._operations.entries()]

    def snapshot(self, session_id: str) -> Snapshot | None:
        """The snapshot of an operation whose session has expired, from the log, or None."""
        entry = self._operations.of_session(session_id) if session_id else None
        return None if entry is None else self._settled(entry).snapshot()

    def _settled(self, entry: Entry) -> Entry:
        if entry.state != "running" or not process_id.is_gone(entry.owner):
            return entry
        done = False
        try:
            with self._lock.writing():  # succeeds once the importer process no longer holds the database
                done = Operation(**entry.operation).is_done()
        except (Maintenance, OSError):
            return entry
        error = None if done else Interrupted(_INTERRUPTED[entry.kind]).record()
        log.warning(
            "The %s that another process started before it died is %s", entry.kind, "done" if done else "not done"
        )
        return self._operations.end(entry, error)

    def _entry(self, kind: str, session_id: str, source: Path | None = None, target: Path | None = None) -> Entry:
        """Write an operation to the log, under a new name for the backup that it makes."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in self._paths(_PREFIXES[kind]):
            backup = target or path
            operation = Operation(
                kind, str(self._database), str(backup), str(source or ""),
                workspace=str(backup.with_name(files.workspace_name())), mark=secrets.randbits(30) + 1,
                instance=str(self._instance),
            )  # fmt: skip
            entry = Entry(path.name, kind, session_id, asdict(operation), process_id.own(), now_ms())
            if not path.exists() and self._operations.begin(entry):
                return entry
        raise Conflict("Too many backups were started in this second; please try again.", "UPKEEP_BUSY")

    def _refuse_unfinished(self) -> None:
        """Check that the record may be replaced.

        :raises ServerStopping: the server stops.
        :raises Conflict: ``IMPORTS_UNFINISHED``.
        """
        if self._worker.stopped:
            raise ServerStopping
        if self._import_queue.unfinished():
            raise Conflict("Some imports are not finished; wait for them or cancel them first.", "IMPORTS_UNFINISHED")

    def _require_sqlite(self) -> None:
        if self.refusal is not None:
            raise self.refusal

    def _clear_busy(self) -> None:
        self._busy = False

    def _run(self, entry: Entry, held: ExitStack) -> None:
        error: ErrorRecord | None = HexTrackrError().record()
        uploads: set[str] = set()
        try:
            with held:
                try:
                    uploads = self._uploads(entry.kind)
                    error = self._worker.ask(
                        {"type": "operation", **entry.operation}, lambda line: self._progressed(entry.session_id, line)
                    )
                finally:
                    if error is None or error["code"] != ServerStopping.code:  # else found out at the next start
                        error = self._ended(entry, error, uploads)
        finally:
            if error is None:
                self._tracker.complete_session(entry.session_id, DONE[entry.kind])
            else:
                self._tracker.error_session(entry.session_id, error)

    def _ended(self, entry: Entry, error: ErrorRecord | None, uploads: set[str]) -> ErrorRecord | None:
        """Find out and log the true result of an operation, whatever error was reported, and return it; remove its workspace."""
        self._offload(_remove, entry.operation["workspace"])
        if Operation(**entry.operation).is_done():
            error = None
            self._offload(self._forget, uploads)
        elif error is None:
            error = _WITHOUT_RESULT
        elif error["code"] == Interrupted.code and error != NOT_STARTED:
            error = {**error, "detail": _INTERRUPTED[entry.kind]}
        with suppress(OSError):  # once this process has ended, operations() finds it out again
            self._operations.end(entry, error)
        return error

    def _uploads(self, kind: str) -> set[str]:
        """The stored uploads that nobody needs once the record is replaced; if they cannot be read now, the next start removes them."""
        with suppress(SQLAlchemyError):
            return set() if kind == "backup" else self._import_queue.uploads()
        return set()

    def _forget(self, uploads: set[str]) -> None:
        for name in uploads:
            with suppress(OSError):
                upload_path(self._instance / "uploads", name).unlink(missing_ok=True)

    def _progressed(self, session_id: str, line: Message) -> None:
        self._tracker.update_progress(session_id, line["progress"], line["message"])

    def _paths(self, kind: str) -> Iterator[Path]:
        """Yield paths for a backup made now, the preferred one first."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        named = f"{kind}-{time.strftime('%Y%m%d-%H%M%S')}"
        for suffix in ("", *(f"-{number}" for number in range(2, 1_000))):
            yield self._folder / f"{named}{suffix}.sqlite3"


def _remove(folder: str) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def _backup(path: Path) -> Backup | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return Backup(path.name, status.st_size, int(status.st_mtime * 1000))
