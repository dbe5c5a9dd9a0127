"""Carries out one import in the importer process, and sees it ended whatever becomes of that process."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from hextrackr.errors import Cancelled, DatabaseBusy, ErrorRecord, FileRefused, HexTrackrError, Interrupted, NotFound
from hextrackr.importing.job import Job
from hextrackr.models import Import
from hextrackr.models.imports import FINISHED, ImportState

from . import snapshots
from .announcer import Announcer
from .leases import RENEW_EVERY, Leases
from .process import ImporterProcess
from .registry import ImportRegistry

log = logging.getLogger(__name__)

#: How long a cancel waits for the importer to be gone, in seconds.
CANCEL_PATIENCE = 5.0
_NOT_STARTED: ErrorRecord = {
    "code": Interrupted.code,
    "detail": "The process that imports files could not be started; no finding was changed.",
}


class Runner:
    """Holds the importer process and the import it works on.

    :param registry: the import rows.
    :param leases: what this process owns of them.
    :param announcer: tells the tracker.
    :param job_of: makes the job for an import.
    :param database_url: what the importer process sweeps when it starts.
    :param meanwhile: called after each line of progress.
    """

    def __init__(
        self,
        registry: ImportRegistry,
        leases: Leases,
        announcer: Announcer,
        *,
        job_of: Callable[[Import], Job],
        database_url: str,
        meanwhile: Callable[[], None],
    ) -> None:
        self._registry = registry
        self._leases = leases
        self._announcer = announcer
        self._job_of = job_of
        self._database_url = database_url
        self._meanwhile = meanwhile
        self._process: ImporterProcess | None = None
        self._cancelled: set[int] = set()
        self._stopping = False
        self._unwritten: list[tuple[Import, ImportState, ErrorRecord, bool]] = []
        self._renewed = 0.0
        self.current: int | None = None

    @property
    def pid(self) -> int | None:
        """The process id of the importer, while there is one."""
        return self._process.pid if self._process else None

    def existing(self, import_id: int) -> Import:
        """The row of an import.

        :raises NotFound: there is no such import.
        """
        record = self._registry.get(import_id)
        if record is None:
            raise NotFound("There is no import with this number.", "UNKNOWN_IMPORT")
        return record

    def warm_up(self) -> None:
        """Have an importer process before there is anything to do; without one, the next import says what is wrong."""
        try:
            self._started()
        except OSError:
            log.exception("The importer process cannot be started")

    def write_ends(self) -> None:
        """Write the ends of imports that could not be written when they came: the database was full, or not to be used."""
        while self._unwritten:
            record, state, error, keep = self._unwritten[0]
            try:
                self._registry.end(record, state, error, keep_upload=keep)
            except HexTrackrError:
                return  # the next round tries again
            self._unwritten.pop(0)

    def carry_out(self, record: Import) -> None:
        """Run one import to its end, or to the point where it awaits a confirmation."""
        if not self._leases.claim(record):
            return
        self.current = record.id
        self._renewed = time.monotonic()
        try:
            job = self._job_of(record)
            process = self._hand_over(lambda process: process.send(job))
            if not self._listen(process, record):
                self._settle(record)
        except OSError:
            log.exception("The importer process cannot be started")
            self.end(record, ImportState.FAILED, _NOT_STARTED)
        finally:
            self.current = None
            self._cancelled.discard(record.id)

    def undo(self, import_id: int) -> ErrorRecord | None:
        """Take back an import; what stood in the way, if it did not work."""
        error: ErrorRecord | None = Interrupted().record()
        process = self._hand_over(lambda process: process.undo(import_id, self._database_url))
        for message in process.messages():
            match message["type"]:
                case "undone":
                    error = None
                case "failed":
                    error = message["error"]
                case "idle" if not message["retire"]:
                    return error
                case "idle":
                    break
        self.discard()
        return error

    def cancel(self, import_id: int, sleep: Callable[[float], None]) -> None:
        """Kill the importer in the current import, and wait until that import has ended."""
        self._cancelled.add(import_id)
        self.kill()
        deadline = time.monotonic() + CANCEL_PATIENCE
        while self.current == import_id and time.monotonic() < deadline:
            sleep(0.02)

    def end(self, record: Import, state: ImportState, error: ErrorRecord) -> None:
        """End an import that is not committed, and let go of its files; one that can be tried again keeps its upload for a day."""
        job = self._job_of(record)
        keep = state == ImportState.FAILED and error["code"] != FileRefused.code and Path(job.upload).is_file()
        shutil.rmtree(job.spill, ignore_errors=True)
        try:
            if not self._registry.end(record, state, error, keep_upload=keep):
                return
        except HexTrackrError as unwritten:
            log.error("The end of import %d cannot be written yet: %s", record.id, unwritten.code)
            self._unwritten.append((record, state, error, keep))
        if not keep:
            Path(job.upload).unlink(missing_ok=True)
        self._announcer.ended(record, error)

    def forget_upload(self, record: Import) -> None:
        """Delete the upload of a failed import that nobody tried again."""
        Path(self._job_of(record).upload).unlink(missing_ok=True)
        self._registry.forget_upload(record.id)

    def stop(self) -> None:
        """Kill the importer and leave its import as it is: the next start of the server takes it up."""
        self._stopping = True
        self.kill()

    def kill(self) -> None:
        """End the importer at once."""
        if self._process is not None:
            self._process.kill()

    def discard(self) -> None:
        """End the importer and take its exit status."""
        if self._process is not None:
            self._process.discard()
            self._process = None

    def _hand_over(self, send: Callable[[ImporterProcess], bool]) -> ImporterProcess:
        """Send a request, to a new process if the idle one has died."""
        process = self._started()
        if not send(process):
            self.discard()
            process = self._started()
            send(process)
        return process

    def _started(self) -> ImporterProcess:
        if self._process is None:
            self._process = ImporterProcess()
            self._process.sweep(self._database_url)
        return self._process

    def _listen(self, process: ImporterProcess, record: Import) -> bool:
        """Pass on what the importer says of an import until it is idle; False if it died without an outcome."""
        told = False
        for message in process.messages():
            match message["type"]:
                case "progress":
                    self._announcer.progressed(record, message)
                    self._beside(record)
                case "failed":
                    self._refuse(record, message["error"])
                    told = True
                case "completed" | "awaiting":
                    self._settle(record)
                    told = True
                case "idle" if not message["retire"]:
                    return told
                case "idle":
                    self.discard()
                    return told
        self.discard()
        self._clean_up_for(record)
        return told

    def _clean_up_for(self, record: Import) -> None:
        """Remove the files that an importer which has died would have removed itself."""
        job = self._job_of(record)
        shutil.rmtree(job.spill, ignore_errors=True)
        if self.existing(record.id).state == ImportState.COMPLETED:
            Path(job.upload).unlink(missing_ok=True)

    def _beside(self, record: Import) -> None:
        """What is to be done beside an import; where it does not work, the import goes on."""
        try:
            self._renew(record)
            self._meanwhile()
        except DatabaseBusy:
            pass  # somebody writes, perhaps the promotion of this very import: there is a next time
        except (SQLAlchemyError, HexTrackrError, OSError):
            log.exception("What is done beside an import met an error")

    def _renew(self, record: Import) -> None:
        """Keep the import; if somebody else has it by now, or ended it, the importer stops."""
        if time.monotonic() - self._renewed < RENEW_EVERY:
            return
        self._renewed = time.monotonic()
        if not self._leases.renew(record):
            self.kill()

    def _settle(self, record: Import) -> None:
        """Tell what the row says; if it says that the import is still under way, its process has died."""
        known = self.existing(record.id)
        if known.epoch != record.epoch:
            log.warning("Import %d has been taken over by another process", known.id)
        elif known.state == ImportState.COMPLETED:
            self._announcer.completed(known)
        elif known.state == ImportState.AWAITING_CONFIRMATION:
            self._announcer.awaiting(known)
        elif self._stopping:
            self._leases.release(record)
        elif known.id in self._cancelled:
            self.end(known, ImportState.CANCELLED, Cancelled().record())
        elif known.state in FINISHED:
            self._announcer.ended(known, snapshots.error_of(known) or Cancelled().record())
        else:
            log.error("The importer process died in import %d", known.id)
            self.end(known, ImportState.FAILED, Interrupted().record())

    def _refuse(self, record: Import, error: ErrorRecord) -> None:
        if error["code"] == Cancelled.code:  # the importer has found that the import was ended, or taken over
            self._settle(record)
        else:
            self.end(record, ImportState.FAILED, error)
