"""Ends imports that do not complete: in their rows, to their watchers, and in the upload folder."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from pathlib import Path

from hextrackr import logs
from hextrackr.domain.models import Import, ImportState
from hextrackr.errors import ErrorRecord, FileRefused, HexTrackrError
from hextrackr.ingest.job import Job

from .progress_reporter import ProgressReporter
from .queue import ImportQueue

log = logging.getLogger(__name__)


class Endings:
    """Writes ends, at once or as soon as the database lets it.

    :param import_queue: the import rows.
    :param reporter: tells the tracker.
    :param job_of: makes the job for an import, which names its files.
    """

    def __init__(self, import_queue: ImportQueue, reporter: ProgressReporter, job_of: Callable[[Import], Job]) -> None:
        self._import_queue = import_queue
        self._reporter = reporter
        self._job_of = job_of
        self._unwritten: list[tuple[Import, ImportState, ErrorRecord, bool]] = []

    def end(self, record: Import, state: ImportState, error: ErrorRecord) -> None:
        """End an import that is not committed, and let go of its files; one that can be tried again keeps its upload for a day."""
        with logs.about(record.id, record.session_id):
            self._end(record, state, error)

    def _end(self, record: Import, state: ImportState, error: ErrorRecord) -> None:
        job = self._job_of(record)
        keep = state == ImportState.FAILED and error["code"] != FileRefused.code and Path(job.upload).is_file()
        shutil.rmtree(job.spill, ignore_errors=True)
        try:
            if not self._import_queue.end(record, state, error, keep_upload=keep):
                return
        except HexTrackrError as unwritten:
            log.error("The end of import %d cannot be written yet: %s", record.id, unwritten.code)
            self._unwritten.append((record, state, error, keep))
        if not keep:
            Path(job.upload).unlink(missing_ok=True)
        log.info("Import %d is %s: %s", record.id, state, error["code"])
        self._reporter.ended(record, error)

    def forget_upload(self, record: Import) -> None:
        """Delete the upload of a failed import that nobody tried again."""
        Path(self._job_of(record).upload).unlink(missing_ok=True)
        self._import_queue.forget_upload(record.id)

    def write_ends(self) -> None:
        """Write the ends of imports that could not be written when they came: the database was full, or not to be used."""
        while self._unwritten:
            record, state, error, keep = self._unwritten[0]
            try:
                self._import_queue.end(record, state, error, keep_upload=keep)
            except HexTrackrError:
                return  # the next round tries again
            self._unwritten.pop(0)
