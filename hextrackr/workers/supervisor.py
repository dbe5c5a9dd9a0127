"""The green thread beside the importer process: hands it one import after the other and passes on what it says."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from hextrackr.errors import Cancelled, Conflict, ErrorRecord, HexTrackrError, Interrupted, NotFound
from hextrackr.importing.job import Job
from hextrackr.models import Import
from hextrackr.models.imports import FINISHED, ImportState

from .announcer import Announcer
from .process import ImporterProcess
from .registry import ImportRegistry

log = logging.getLogger(__name__)

#: Seconds between two looks at what nobody reports: waiting imports, overdue confirmations, expired sessions.
ROUND = 1.0
#: How long a cancel waits for the importer to be gone, in seconds.
CANCEL_PATIENCE = 5.0

_OVERDUE: ErrorRecord = {
    "code": Cancelled.code,
    "detail": "Nobody confirmed the import within 24 hours, so it was cancelled.",
}


class Supervisor:
    """Runs the queued imports, one at a time, the oldest first.

    :param registry: the import rows.
    :param announcer: tells the tracker.
    :param job_of: makes the job for an import.
    :param start_task: starts a background task in the server's async mode; ``sleep`` waits in it (seconds).
    :param database_url: what the importer process sweeps when it starts.
    """

    def __init__(
        self,
        registry: ImportRegistry,
        announcer: Announcer,
        *,
        job_of: Callable[[Import], Job],
        start_task: Callable[..., Any],
        sleep: Callable[[float], None],
        database_url: str,
    ) -> None:
        self._registry = registry
        self._announcer = announcer
        self._job_of = job_of
        self._start_task = start_task
        self._sleep = sleep
        self._database_url = database_url
        self._process: ImporterProcess | None = None
        self._current: int | None = None
        self._cancelled: set[int] = set()
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._looked_around = 0.0

    def start(self) -> None:
        """Take up what an earlier server left unfinished, and begin to work."""
        for record in self._registry.requeue_abandoned():
            self._announcer.queued(record)
        self._start_task(self._work)

    def stop(self) -> None:
        """End the importer process; an unfinished import is taken up at the next start."""
        self._stopped.set()
        self._wake.set()
        if self._process is not None:
            self._process.kill()

    def run_alone(self, import_id: int) -> Import:
        """Carry out one import here and now, in an importer process of its own, and return its row."""
        record = self._existing(import_id)
        try:
            self._announcer.queued(record)
            self._carry_out(record)
        finally:
            self._discard_process()
        return self._existing(import_id)

    @property
    def importer_pid(self) -> int | None:
        """The process id of the importer, while there is one."""
        return self._process.pid if self._process else None

    def submit(self, record: Import) -> None:
        """Take on a queued import.

        :raises Conflict: ``SESSION_IN_USE``.
        """
        self._announcer.queued(record)
        self._wake.set()

    def cancel(self, import_id: int) -> Import:
        """End an import before its commit.

        :raises NotFound: there is no such import.
        :raises Conflict: ``ALREADY_FINISHED``.
        """
        record = self._existing(import_id)
        cancelled = record.state not in FINISHED
        if import_id == self._current and self._process is not None:
            self._cancelled.add(import_id)
            self._process.kill()
            deadline = time.monotonic() + CANCEL_PATIENCE
            while self._current == import_id and time.monotonic() < deadline:
                self._sleep(0.02)
        elif cancelled:
            self._end(record, ImportState.CANCELLED, Cancelled().record())
        ended = self._existing(import_id)
        if not cancelled or ended.state != ImportState.CANCELLED:
            raise Conflict("This import has already ended.", "ALREADY_FINISHED")
        return ended

    def confirm(self, import_id: int) -> Import:
        """Let an import go on that awaits confirmation.

        :raises NotFound: there is no such import.
        :raises Conflict: ``NOT_AWAITING``.
        """
        self._existing(import_id)
        if not self._registry.confirm(import_id):
            raise Conflict("This import does not await a confirmation.", "NOT_AWAITING")
        record = self._existing(import_id)
        self._announcer.confirmed(record)
        self._wake.set()
        return record

    def _existing(self, import_id: int) -> Import:
        record = self._registry.get(import_id)
        if record is None:
            raise NotFound("There is no import with this number.", "UNKNOWN_IMPORT")
        return record

    def _work(self) -> None:
        while not self._stopped.is_set():
            self._wake.clear()
            try:
                self._ensure_process()
                self._look_around()
                waiting = self._registry.waiting()
                if waiting:
                    self._carry_out(waiting[0])
                    continue
            except (SQLAlchemyError, HexTrackrError, OSError):
                log.exception("The supervisor met an error and goes on")
                self._sleep(ROUND)
            self._wake.wait(ROUND)
        self._discard_process()

    def _ensure_process(self) -> ImporterProcess:
        if self._process is None:
            self._process = ImporterProcess()
            self._process.sweep(self._database_url)
        return self._process

    def _discard_process(self) -> None:
        if self._process is not None:
            self._process.discard()
            self._process = None

    def _carry_out(self, record: Import) -> None:
        """Run one import in the importer process, and see it ended whatever becomes of that."""
        if not self._registry.claim(record):
            return
        process = self._ensure_process()
        self._current = record.id
        try:
            if not (process.send(self._job_of(record)) and self._listen(process, record)):
                self._settle(record)
        finally:
            self._current = None
            self._cancelled.discard(record.id)

    def _listen(self, process: ImporterProcess, record: Import) -> bool:
        """Pass on what the importer says of an import until it is idle; False if it died without an outcome."""
        told = False
        for message in process.messages():
            match message["type"]:
                case "progress":
                    self._announcer.progressed(record, message)
                    self._look_around()
                case "failed":
                    self._refuse(record, message["error"])
                    told = True
                case "completed" | "awaiting":
                    self._settle(record)
                    told = True
                case "idle" if not message["retire"]:
                    return told
                case "idle":
                    break
        self._discard_process()
        return told

    def _settle(self, record: Import) -> None:
        """Tell what the row says; if it says that the import is still under way, its process has died."""
        known = self._existing(record.id)
        if known.state == ImportState.COMPLETED:
            self._announcer.completed(known)
        elif known.state == ImportState.AWAITING_CONFIRMATION:
            self._announcer.awaiting(known)
        elif self._stopped.is_set():
            return  # taken up at the next start
        elif known.id in self._cancelled:
            self._end(known, ImportState.CANCELLED, Cancelled().record())
        else:
            log.error("The importer process died in import %d", known.id)
            self._end(known, ImportState.FAILED, Interrupted().record())

    def _refuse(self, record: Import, error: ErrorRecord) -> None:
        cancelled = error["code"] == Cancelled.code
        self._end(record, ImportState.CANCELLED if cancelled else ImportState.FAILED, error)

    def _end(self, record: Import, state: ImportState, error: ErrorRecord) -> None:
        if self._registry.end(record.id, state, error):
            Path(self._job_of(record).upload).unlink(missing_ok=True)
        self._announcer.ended(record, error)

    def _look_around(self) -> None:
        """Once in a round: tell the waiting imports so, cancel what nobody confirmed, forget old sessions."""
        if time.monotonic() - self._looked_around < ROUND:
            return
        self._looked_around = time.monotonic()
        self._announcer.forget_old()
        if self._current is not None:
            for place, record in enumerate(self._registry.waiting(), start=1):
                self._announcer.waiting(record, place)
        for import_id in self._registry.unconfirmed():
            self._end(self._existing(import_id), ImportState.CANCELLED, _OVERDUE)
