"""The green thread beside the importer process: takes one import after the other, and what people say of them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from hextrackr.errors import NOT_LATEST, Cancelled, Conflict, ErrorRecord, HexTrackrError, Replacing, ServerStopping
from hextrackr.importing.job import Job
from hextrackr.models import Import
from hextrackr.models.imports import FINISHED, RUNNING, ImportState

from .announcer import Announcer
from .channel import Message
from .chores import Chores, Progressed
from .endings import Endings
from .leases import Leases
from .registry import ImportRegistry
from .rounds import ROUND, Rounds
from .runner import Runner

log = logging.getLogger(__name__)

#: How long an end in good order waits for the running import to be let go of, in seconds.
STOP_PATIENCE = 3.0


class Supervisor:
    """Runs the queued imports, one at a time, the oldest first.

    :param registry: the import rows.
    :param leases: what this process owns of them.
    :param tidy: removes the files that processes which have ended left behind.
    :param to_cancel: the imports that another process, such as a command, wants cancelled.
    :param announcer: tells the tracker.
    :param job_of: makes the job for an import.
    :param start_task: starts a background task in the server's async mode; ``sleep`` waits in it (seconds).
    :param database_url: what the importer process sweeps when it starts.
    :param alone: no other process takes imports.
    """

    def __init__(
        self,
        registry: ImportRegistry,
        leases: Leases,
        announcer: Announcer,
        *,
        job_of: Callable[[Import], Job],
        tidy: Callable[[], None],
        to_cancel: Callable[[], Iterable[int]],
        start_task: Callable[..., Any],
        sleep: Callable[[float], None],
        database_url: str,
        alone: bool = True,
    ) -> None:
        self._registry = registry
        self._announcer = announcer
        self._to_cancel = to_cancel
        self._start_task = start_task
        self._sleep = sleep
        self._database_url = database_url
        self._alone = alone
        self._endings = Endings(registry, announcer, job_of)
        self._runner = Runner(
            registry,
            leases,
            announcer,
            self._endings,
            job_of=job_of,
            database_url=database_url,
            meanwhile=self._meanwhile,
        )
        self._rounds = Rounds(registry, leases, announcer, self._endings, self._runner, tidy)
        self._replacing = False
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._working = False
        self._chores = Chores(self._wake.set, sleep, self._stopped.is_set)

    def start(self) -> None:
        """Take up what an earlier server left unfinished, and begin to work."""
        self._rounds.begin()
        self._start_task(self._work)

    def stop(self) -> None:
        """End the importer process; an unfinished import is taken up at the next start, or by another server."""
        self._stopped.set()
        self._wake.set()
        self._runner.stop()

    def stop_gently(self) -> None:
        """Stop, wait until everything is let go of, and tell the watchers, as the last word, that their imports will go on."""
        self.stop()
        deadline = time.monotonic() + STOP_PATIENCE
        while self._working and time.monotonic() < deadline:
            self._sleep(0.02)
        for record in self._registry.unfinished():
            if self._alone or record.id in self._runner.let_go:
                self._announcer.pausing(record)

    def refuse_if_stopping(self) -> None:
        """Take no new import once the end has begun, or while the record is replaced.

        :raises ServerStopping: the end has begun.
        :raises Replacing: the record is being replaced.
        """
        if self._stopped.is_set():
            raise ServerStopping
        if self._replacing:
            raise Replacing

    def run_alone(self, import_id: int) -> Import:
        """Carry out one import here and now, in an importer process of its own, and return its row.

        A server that runs beside this may take the import first; then this waits for what becomes of it.

        :raises NotFound: there is no such import.
        """
        record = self._runner.existing(import_id)
        try:
            self._announcer.queued(record)
            self._runner.carry_out(record)
        finally:
            self._runner.discard()
        while (ended := self._runner.existing(import_id)).state in (ImportState.QUEUED, *RUNNING):
            self._sleep(0.1)
        return ended

    @property
    def importer_pid(self) -> int | None:
        """The process id of the importer, while there is one."""
        return self._runner.pid

    def submit(self, record: Import) -> None:
        """Take on a queued import.

        :raises Conflict: ``SESSION_IN_USE``.
        """
        self._announcer.queued(record)
        if self._runner.current is not None:
            self._rounds.tell_waiting()
        self._wake.set()

    def cancel(self, import_id: int) -> Import:
        """End an import before its commit.

        :raises NotFound: there is no such import.
        :raises Conflict: ``ALREADY_FINISHED``.
        """
        unfinished = self._runner.existing(import_id).state not in FINISHED
        if self._runner.current == import_id:
            self._runner.cancel(import_id, self._sleep)
        # One that awaits a confirmation, or its turn, is in nobody's hands, even if its importer was just cleaning up.
        record = self._runner.existing(import_id)
        if record.state not in FINISHED:
            self._endings.end(record, ImportState.CANCELLED, Cancelled().record())
        ended = self._runner.existing(import_id)
        if not unfinished or ended.state != ImportState.CANCELLED:
            raise Conflict("This import has already ended.", "ALREADY_FINISHED")
        return ended

    def confirm(self, import_id: int) -> Import:
        """Let an import go on that awaits confirmation.

        :raises NotFound: there is no such import.
        :raises Conflict: ``NOT_AWAITING``.
        """
        self._runner.existing(import_id)
        if not self._registry.confirm(import_id):
            raise Conflict("This import does not await a confirmation.", "NOT_AWAITING")
        record = self._runner.existing(import_id)
        self._announcer.confirmed(record)
        self._wake.set()
        return record

    def undo(self, import_id: int) -> Import:
        """Take back the latest import of a source, and wait until that is done.

        :raises NotFound: there is no such import.
        :raises Conflict: ``NOT_LATEST``.
        :raises HexTrackrError: it did not work; everything is as it was.
        """
        self._runner.existing(import_id)
        error = self.ask({"type": "undo", "import_id": import_id, "database_url": self._database_url})
        if error is not None:
            kind = Conflict if error["code"] == NOT_LATEST else HexTrackrError
            raise kind(error["detail"], error["code"])
        return self._runner.existing(import_id)

    def ask(self, request: Message, progressed: Progressed = lambda _: None) -> ErrorRecord | None:
        """Let the importer do something else once it is free, and wait until that is done; what stood in the way, if it did not work.

        :param progressed: told each line of progress.
        """
        return self._chores.ask(request, progressed)

    def hold(self) -> None:
        """Take no new import until :meth:`release`: the record is about to be replaced.

        :raises Replacing: that is going on already.
        :raises Conflict: ``IMPORTS_UNFINISHED``.
        """
        self.refuse_if_stopping()
        if self._registry.unfinished():
            raise Conflict(
                "Some imports have not ended yet; let them end, or cancel them, first.", "IMPORTS_UNFINISHED"
            )
        self._replacing = True

    def release(self) -> None:
        """Take new imports again."""
        self._replacing = False

    def _work(self) -> None:
        self._working = True
        try:
            self._take_turns()
        finally:
            self._runner.discard()
            self._working = False

    def _take_turns(self) -> None:
        while not self._stopped.is_set():
            self._wake.clear()
            try:
                self._runner.warm_up()
                self._endings.write_ends()
                self._rounds.look_around()
                if self._chores.take(self._runner.ask):
                    continue
                waiting = self._registry.waiting()
                if waiting:
                    self._runner.carry_out(waiting[0])
                    continue
            except (SQLAlchemyError, HexTrackrError, OSError):
                log.exception("The supervisor met an error and goes on")
                self._sleep(ROUND)
            self._wake.wait(ROUND)

    def _meanwhile(self) -> None:
        """Between two lines of progress."""
        for import_id in self._to_cancel():
            self._runner.cancel_current(import_id)
        self._rounds.look_around()
