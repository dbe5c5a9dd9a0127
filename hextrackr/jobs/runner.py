"""Run one import at a time in the importer process, and end each of them properly, even if that process dies."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from hextrackr import logs
from hextrackr.domain.models import FINISHED, Import, ImportState
from hextrackr.errors import Cancelled, ErrorRecord, FileRefused, HexTrackrError, Interrupted, OutOfMemory
from hextrackr.ingest.attempt import Job, job_of

from . import snapshots
from .importer_process import ImporterProcess
from .lists import Lists
from .progress_reporter import ProgressReporter
from .queue import ImportQueue

if TYPE_CHECKING:
    from hextrackr.config import Config

log = logging.getLogger(__name__)

_NOT_STARTED: ErrorRecord = {
    "code": Interrupted.code,
    "detail": "The process that imports files could not be started; no finding was changed.",
}


class Runner:
    """Runs the imports of this process.

    :param import_queue: the import rows.
    :param importer: the importer process.
    :param reporter: reports to the tracker.
    :param config: has the settings of a job.
    :param lists: brought up to date before an import is reported as complete.
    :ivar current: the row of the running import, as it was when it was claimed.
    :ivar released: the ids of the imports that ran here when this process was stopped.
    """

    def __init__(
        self,
        import_queue: ImportQueue,
        importer: ImporterProcess,
        reporter: ProgressReporter,
        config: Config,
        lists: Lists,
    ) -> None:
        self._import_queue = import_queue
        self._importer = importer
        self._reporter = reporter
        self._config = config
        self._lists = lists
        self._cancelled: set[int] = set()
        self._stopping = False
        self._unwritten: list[tuple[Import, ImportState, ErrorRecord, bool]] = []
        self.current: Import | None = None
        self.released: set[int] = set()

    # Running

    def run(self, row: Import, meanwhile: Callable[[], None]) -> None:
        """Claim an import, unless another process was first, and run it until it ends or awaits a confirmation.

        :param meanwhile: called after each line of progress, and at intervals if there is none.
        """
        if not self._import_queue.claim(row):
            return
        self.current = row
        with logs.about(row.id, row.session_id):
            log.info("Import %d starts, attempt %d: %s", row.id, row.attempts, row.filename)
            try:
                self._reporter.taken(row)
                self._importer.send({"type": "job", "session_id": row.session_id, **self._job(row).as_json()})
                if self._stopping or row.id in self._cancelled:
                    # The kill came before the job was sent, and send() has replaced the process.
                    self._importer.kill()
                self._listen(row, meanwhile)
            except OSError:
                log.exception("The importer process cannot be started")
                self.end(row, ImportState.FAILED, _NOT_STARTED)
            finally:
                self._note_work(row)
                self._reporter.forget_work(row)
                self.current = None
                self._cancelled.discard(row.id)

    def cancel(self, import_id: int) -> bool:
        """Kill the importer if this import is the running one; :meth:`run` then ends the import."""
        if self.current is None or self.current.id != import_id:
            return False
        self._cancelled.add(import_id)
        self._importer.kill()
        return True

    def stop(self) -> None:
        """Kill the importer and leave its import as it is: the next start of the server recovers it."""
        self._stopping = True
        self._importer.kill()

    def _listen(self, row: Import, meanwhile: Callable[[], None]) -> None:
        """Handle the messages of the importer about an import until it is idle, or dead."""
        settled = ran_out_of_memory = False
        for message in self._importer.messages():
            match message["type"]:
                case "progress":
                    self._reporter.progressed(row, message)
                    meanwhile()
                case "silent":
                    self._reporter.silent(row)
                    meanwhile()
                case "failed" if message["error"]["code"] != Cancelled.code:
                    self.end(row, ImportState.FAILED, message["error"])
                    settled = True
                case "awaiting":
                    self._note_work(row)  # before _settle() checks whether somebody has answered already
                    self._settle(row)
                    settled = True
                case "failed" | "completed":
                    self._settle(row)
                    settled = True
                case "idle":
                    if message["retire"]:
                        self._importer.discard()
                    break
        else:
            ran_out_of_memory = self._importer.discard()
            self._remove_files(row)
        if not settled:
            self._settle(row, OutOfMemory() if ran_out_of_memory else Interrupted())

    def _settle(self, row: Import, cause: HexTrackrError | None = None) -> None:
        """Report the state that the row has now; if the import is still running there, the importer process has died.

        :param cause: why it has died.
        """
        now = self._import_queue.existing(row.id)
        if now.epoch != row.epoch:
            log.warning("Import %d has been taken over by another process", now.id)
        elif now.state == ImportState.COMPLETED:
            self._lists.refresh(self._reporter.refreshing(row, lambda: self._lists.refreshed))
            self._reporter.completed(now)
            log.info("Import %d is complete: %d rows in %s ms", now.id, now.rows_read, snapshots.duration(now))
        elif now.state == ImportState.AWAITING_CONFIRMATION:
            self._reporter.awaiting(now)
        elif now.goes_on:
            log.info("Import %d was answered before its importer reported the question", now.id)
        elif self._stopping:
            self._import_queue.release(row)
            self.released.add(row.id)
        elif now.id in self._cancelled:
            self.end(now, ImportState.CANCELLED, Cancelled().record())
        elif now.state in FINISHED:
            self._reporter.ended(now, snapshots.error_of(now) or Cancelled().record())
        else:
            log.error("The importer process died in import %d", now.id)
            self.end(now, ImportState.FAILED, (cause or Interrupted()).record())

    def _note_work(self, row: Import) -> None:
        """Store how long an import was worked on, and its progress."""
        try:
            self._import_queue.note_work(row, self._reporter.work(row))
        except HexTrackrError as error:
            log.warning("The working time of import %d cannot be written: %s", row.id, error.code)

    def _remove_files(self, row: Import) -> None:
        """Remove the files that an importer process leaves when it dies."""
        job = self._job(row)
        shutil.rmtree(job.spill, ignore_errors=True)
        if self._import_queue.existing(row.id).state == ImportState.COMPLETED:
            Path(job.upload).unlink(missing_ok=True)

    # Ending

    def end(self, row: Import, state: ImportState, error: ErrorRecord) -> None:
        """End an import that is not committed: in its row, for its watchers, and in the data folder.

        If it can be retried, its upload stays for a day. If the database cannot be written now, :meth:`write_ends` does it later.
        """
        with logs.about(row.id, row.session_id):
            job = self._job(row)
            keep = state == ImportState.FAILED and error["code"] != FileRefused.code and Path(job.upload).is_file()
            shutil.rmtree(job.spill, ignore_errors=True)
            try:
                if not self._import_queue.end(row, state, error, self._reporter.work(row), keep_upload=keep):
                    return
            except HexTrackrError as unwritten:
                log.error("The end of import %d cannot be written yet: %s", row.id, unwritten.code)
                self._unwritten.append((row, state, error, keep))
            if not keep:
                Path(job.upload).unlink(missing_ok=True)
            log.info("Import %d is %s: %s", row.id, state, error["code"])
            self._reporter.ended(row, error)

    def write_ends(self) -> None:
        """Write the ends of imports that could not be written before, because the database was full or unavailable."""
        while self._unwritten:
            row, state, error, keep = self._unwritten[0]
            try:
                self._import_queue.end(row, state, error, self._reporter.work(row), keep_upload=keep)
            except HexTrackrError:
                return  # maintenance tries again
            self._unwritten.pop(0)

    def forget_upload(self, row: Import) -> None:
        """Delete the upload of a failed import that nobody has retried."""
        self.remove_upload(row)
        self._import_queue.forget_upload(row)

    def remove_upload(self, row: Import) -> None:
        """Delete the stored file of an import, if there still is one."""
        if row.upload:
            Path(self._job(row).upload).unlink(missing_ok=True)

    def _job(self, row: Import) -> Job:
        return job_of(row, self._config, lists=self._lists.exist)
