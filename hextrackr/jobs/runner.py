"""Carries out one import in the importer process, and sees it ended whatever becomes of that process."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from hextrackr import logs
from hextrackr.domain.models import FINISHED, Import, ImportState
from hextrackr.errors import Cancelled, ErrorRecord, Interrupted, NotFound, OutOfMemory
from hextrackr.ingest.job import Job

from . import snapshots
from .child_process import ChildProcess
from .endings import Endings
from .importer_process import ImporterProcess
from .leases import Leases
from .progress_reporter import ProgressReporter
from .queue import ImportQueue

log = logging.getLogger(__name__)

#: How long a cancel waits for the importer to be gone, in seconds.
CANCEL_PATIENCE = 5.0
_NOT_STARTED: ErrorRecord = {
    "code": Interrupted.code,
    "detail": "The process that imports files could not be started; no finding was changed.",
}


class Runner:
    """Holds the import that the importer process works on.

    :param import_queue: the import rows.
    :param leases: what this process owns of them.
    :param reporter: tells the tracker.
    :param endings: ends imports that do not complete.
    :param job_of: makes the job for an import.
    :param child: has the importer process.
    :param meanwhile: called after each line of progress, and where there is none for a while.
    """

    def __init__(
        self,
        import_queue: ImportQueue,
        leases: Leases,
        reporter: ProgressReporter,
        endings: Endings,
        *,
        job_of: Callable[[Import], Job],
        child: ChildProcess,
        meanwhile: Callable[[], None],
    ) -> None:
        self._import_queue = import_queue
        self._leases = leases
        self._reporter = reporter
        self._endings = endings
        self._job_of = job_of
        self._child = child
        self._meanwhile = meanwhile
        self._cancelled: set[int] = set()
        self._stopping = False
        self._ran_out_of_memory = False
        self.current: int | None = None
        self._record: Import | None = None
        self.let_go: set[int] = set()

    def existing(self, import_id: int) -> Import:
        """The row of an import.

        :raises NotFound: there is no such import.
        """
        record = self._import_queue.get(import_id)
        if record is None:
            raise NotFound("There is no import with this number.", "UNKNOWN_IMPORT")
        return record

    def carry_out(self, record: Import) -> None:
        """Run one import to its end, or to the point where it awaits a confirmation."""
        if not self._leases.claim(record):
            return
        self.current, self._record = record.id, record
        with logs.about(record.id, record.session_id):
            self._carry_out(record)

    def _carry_out(self, record: Import) -> None:
        log.info("Import %d is taken up, attempt %d: %s", record.id, record.attempts, record.filename)
        self._reporter.taken(record)
        try:
            job = self._job_of(record)
            process = self._child.hand_over(lambda process: process.send(job, record.session_id))
            if self._stopping or record.id in self._cancelled:
                process.kill()  # asked for before the hand-over, which took the death of the importer for that of an idle one
            if not self._listen(process, record):
                self._settle(record)
        except OSError:
            log.exception("The importer process cannot be started")
            self._endings.end(record, ImportState.FAILED, _NOT_STARTED)
        finally:
            self.current = self._record = None
            self._cancelled.discard(record.id)

    def cancel_current(self, import_id: int) -> bool:
        """Kill the importer if this is the import it works on; what follows from that is told where it is listened to."""
        if self.current != import_id:
            return False
        self._cancelled.add(import_id)
        self._child.kill()
        return True

    def cancel_current_if(self, asked: Callable[[Import], bool]) -> None:
        """Kill the importer if somebody wants the import cancelled that it works on."""
        if self._record is not None and asked(self._record):
            self.cancel_current(self._record.id)

    def cancel(self, import_id: int, sleep: Callable[[float], None]) -> None:
        """Kill the importer in the current import, and wait until that import has ended."""
        self.cancel_current(import_id)
        deadline = time.monotonic() + CANCEL_PATIENCE
        while self.current == import_id and time.monotonic() < deadline:
            sleep(0.02)

    def stop(self) -> None:
        """Kill the importer and leave its import as it is: the next start of the server takes it up."""
        self._stopping = True
        self._child.kill()

    def _listen(self, process: ImporterProcess, record: Import) -> bool:
        """Pass on what the importer says of an import until it is idle; False if it died without an outcome."""
        told = self._ran_out_of_memory = False
        for message in process.messages():
            match message["type"]:
                case "progress":
                    self._reporter.progressed(record, message)
                    self._meanwhile()
                case "silent":
                    self._reporter.silent(record)
                    self._meanwhile()
                case "failed":
                    self._refuse(record, message["error"])
                    told = True
                case "completed" | "awaiting":
                    self._settle(record)
                    told = True
                case "idle" if not message["retire"]:
                    return told
                case "idle":
                    self._child.discard()
                    return told
        self._ran_out_of_memory = self._child.discard()
        self._clean_up_for(record)
        return told

    def _clean_up_for(self, record: Import) -> None:
        """Remove the files that an importer which has died would have removed itself."""
        job = self._job_of(record)
        shutil.rmtree(job.spill, ignore_errors=True)
        if self.existing(record.id).state == ImportState.COMPLETED:
            Path(job.upload).unlink(missing_ok=True)

    def _settle(self, record: Import) -> None:
        """Tell what the row says; if it says that the import is still under way, its process has died."""
        known = self.existing(record.id)
        if known.epoch != record.epoch:
            log.warning("Import %d has been taken over by another process", known.id)
        elif known.state == ImportState.COMPLETED:
            log.info("Import %d is complete: %d rows in %s ms", known.id, known.rows_read, snapshots.duration(known))
            self._reporter.completed(known)
        elif known.state == ImportState.AWAITING_CONFIRMATION:
            self._reporter.awaiting(known)
        elif known.goes_on:
            log.info("Import %d was answered before its importer has told of the question", known.id)
        elif self._stopping:
            self._leases.release(record)
            self.let_go.add(record.id)
        elif known.id in self._cancelled:
            self._endings.end(known, ImportState.CANCELLED, Cancelled().record())
        elif known.state in FINISHED:
            self._reporter.ended(known, snapshots.error_of(known) or Cancelled().record())
        else:
            log.error("The importer process died in import %d", known.id)
            error = OutOfMemory() if self._ran_out_of_memory else Interrupted()
            self._endings.end(known, ImportState.FAILED, error.record())

    def _refuse(self, record: Import, error: ErrorRecord) -> None:
        if error["code"] == Cancelled.code:  # the importer has found that the import was ended, or taken over
            self._settle(record)
        else:
            self._endings.end(record, ImportState.FAILED, error)
