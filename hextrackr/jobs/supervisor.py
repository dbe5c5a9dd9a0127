"""What is asked of imports from outside, and the green thread beside the importer process that does it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from hextrackr.domain.models import FINISHED, RUNNING, Import, ImportState
from hextrackr.errors import (
    NOT_LATEST,
    Cancelled,
    Conflict,
    ErrorRecord,
    HexTrackrError,
    Interrupted,
    Maintenance,
    ServerStopping,
)
from hextrackr.ingest.job import Job

from .answers import YES, Answer
from .cancellation import Cancellation
from .channel import Message
from .child_process import ChildProcess
from .endings import Endings
from .leases import Leases
from .maintenance import MaintenanceTasks
from .maintenance_lock import MaintenanceLock
from .progress_reporter import ProgressReporter
from .queue import ImportQueue, now_ms
from .runner import Runner
from .task_queue import Progressed
from .worker_loop import WorkerLoop

log = logging.getLogger(__name__)

#: Seconds between two looks at an import that a worker has been woken for.
LOOK = 0.2


class Supervisor:
    """Runs the queued imports, one at a time, the oldest first.

    :param import_queue: the import rows.
    :param leases: what this process owns of them.
    :param tidy: removes the files that processes which have ended left behind.
    :param cancellation: asks other processes to cancel, and hears them ask.
    :param lock: keeps writers away while the record is replaced.
    :param reporter: tells the tracker.
    :param job_of: makes the job for an import.
    :param instance: the data folder, where the importer process finds the lock.
    :param start_task: starts a background task in the server's async mode; ``sleep`` waits in it (seconds).
    :param database_url: what the importer process sweeps when it starts.
    :param niceness: how far the importer process gives way to others.
    :param memory_limit: its address space in bytes.
    :param wake_workers: where imports run in worker processes, tells them of one that is ready; None where they run here.
    :param alone: no other process takes imports.
    """

    def __init__(
        self,
        import_queue: ImportQueue,
        leases: Leases,
        reporter: ProgressReporter,
        *,
        job_of: Callable[[Import], Job],
        tidy: Callable[[], None],
        cancellation: Cancellation,
        lock: MaintenanceLock,
        instance: str,
        start_task: Callable[..., Any],
        sleep: Callable[[float], None],
        database_url: str,
        niceness: int,
        memory_limit: int | None = None,
        wake_workers: Callable[[int], None] | None = None,
        alone: bool = True,
    ) -> None:
        self._import_queue = import_queue
        self._reporter = reporter
        self._cancellation = cancellation
        self._lock = lock
        self._instance = instance
        self._start_task = start_task
        self._sleep = sleep
        self._database_url = database_url
        self._wake_workers = wake_workers
        self._alone = alone
        self._endings = Endings(import_queue, reporter, job_of)
        self._child = ChildProcess(database_url, niceness, memory_limit, instance)
        self._worker_loop = WorkerLoop(
            import_queue, to_cancel=cancellation.is_requested, may_import=self._may_import, lock=lock, sleep=sleep
        )
        self._runner = Runner(
            import_queue,
            leases,
            reporter,
            self._endings,
            job_of=job_of,
            child=self._child,
            meanwhile=self._worker_loop.meanwhile,
        )
        self._maintenance = MaintenanceTasks(
            import_queue, leases, reporter, self._endings, self._runner, tidy, wake_workers is not None
        )
        self._worker_loop.bind(self._runner, self._child, self._maintenance, self._endings)

    def start(self) -> None:
        """Take up what an earlier server left unfinished, and begin to work."""
        try:
            with self._lock.writing():
                self._maintenance.begin()
        except Maintenance:
            pass  # nothing is unfinished then; what there is afterwards is found by maintenance
        self._start_task(self._worker_loop.work)

    def stop(self) -> None:
        """End the importer process; an unfinished import is taken up at the next start, or by another server."""
        self._worker_loop.stop()
        self._runner.stop()

    def stop_gently(self) -> None:
        """Stop, wait until everything is let go of, and tell the watchers, as the last word, that their imports will go on."""
        self.stop()
        self._worker_loop.wait_until_over()
        for record in self._import_queue.unfinished():
            if self._alone or record.id in self._runner.let_go:
                self._reporter.pausing(record)

    def refuse_if_stopping(self) -> None:
        """Take no new import once the end has begun, or while the record is replaced.

        :raises ServerStopping: the end has begun.
        :raises Maintenance: the record is being replaced.
        """
        if self._worker_loop.stopped:
            raise ServerStopping
        if self._lock.is_held():
            raise Maintenance

    def writing(self) -> AbstractContextManager[None]:
        """Write to the record, within; every request and command that does goes through here.

        :raises Maintenance: the record is being replaced.
        """
        return self._lock.writing()

    def run_alone(self, import_id: int) -> Import:
        """Carry out one import here and now, in an importer process of its own, and return its row.

        A server that runs beside this may take the import first; then this waits for what becomes of it.

        :raises NotFound: there is no such import.
        """
        record = self._runner.existing(import_id)
        try:
            self._reporter.queued(record)
            self._runner.carry_out(record)
        finally:
            self._child.discard()
        while (ended := self._runner.existing(import_id)).state in (ImportState.QUEUED, *RUNNING):
            self._sleep(0.1)
        return ended

    @property
    def is_at_work(self) -> bool:
        """Whether the importer process is doing something."""
        return self._runner.current is not None or self._worker_loop.tasks.under_way

    @property
    def importer_pid(self) -> int | None:
        """The process id of the importer, while there is one."""
        return self._child.pid

    def reserved(self, session_id: str) -> AbstractContextManager[None]:
        """Queue an import, within, under a session id that nobody else has; see :meth:`.progress_reporter.ProgressReporter.reserved`."""
        return self._reporter.reserved(session_id)

    def submit(self, record: Import) -> None:
        """Take on a queued import. It is on record, so that whatever cannot be told of it now does not keep it from being done."""
        try:
            self._reporter.queued(record)
            if self._runner.current is not None:
                self._maintenance.tell_waiting()
            self._ready(record)
        except (SQLAlchemyError, HexTrackrError, RuntimeError, OSError):
            log.exception("Import %d is on record, and not told of yet", record.id)

    def cancel(self, import_id: int) -> Import:
        """End an import before its commit.

        :raises NotFound: there is no such import.
        :raises Conflict: ``ALREADY_FINISHED``.
        """
        record = self._runner.existing(import_id)
        unfinished = record.state not in FINISHED
        if self._runner.current == import_id:
            self._runner.cancel(import_id, self._sleep)
        elif record.state in RUNNING and record.lease_until >= now_ms():
            self._cancellation.ask(record, lambda: self._runner.existing(import_id).state in FINISHED)
        # One that awaits a confirmation, or its turn, is in nobody's hands, even if its importer was just cleaning up.
        record = self._runner.existing(import_id)
        if record.state not in FINISHED:
            self._endings.end(record, ImportState.CANCELLED, Cancelled().record())
        ended = self._runner.existing(import_id)
        if not unfinished or ended.state != ImportState.CANCELLED:
            raise Conflict("This import has already ended.", "ALREADY_FINISHED")
        return ended

    def confirm(self, import_id: int, answer: Answer = YES) -> Import:
        """Let an import go on that awaits confirmation.

        :raises NotFound: there is no such import.
        :raises Conflict: ``NOT_AWAITING``.
        :raises RequestError: the answer is none for this import.
        """
        record = self.answer(import_id, answer)
        self._reporter.confirmed(record, answer)
        self._ready(record)
        return record

    def answer(self, import_id: int, answer: Answer) -> Import:
        """Note the answer to an import's question, and leave it to whoever takes up the import next."""
        self._runner.existing(import_id)
        if not self._import_queue.confirm(import_id, answer):
            raise Conflict("This import does not await a confirmation.", "NOT_AWAITING")
        return self._runner.existing(import_id)

    def undo(self, import_id: int) -> Import:
        """Take back the latest import of a source, and wait until that is done.

        :raises NotFound: there is no such import.
        :raises Conflict: ``NOT_LATEST``.
        :raises HexTrackrError: it did not work; everything is as it was.
        """
        was_undone = self._runner.existing(import_id).undone_at is not None
        request = {"import_id": import_id, "database_url": self._database_url, "instance": self._instance}
        error = self.ask({"type": "undo", **request})
        if error is not None:
            known = self._runner.existing(import_id)
            if error["code"] == Interrupted.code and known.undone_at is not None and not was_undone:
                return known  # its process died after the commit
            kind = Conflict if error["code"] == NOT_LATEST else HexTrackrError
            raise kind(error["detail"], error["code"])
        return self._runner.existing(import_id)

    def ask(self, request: Message, progressed: Progressed = lambda _: None) -> ErrorRecord | None:
        """Let the importer do something else once it is free, and wait until that is done; what stood in the way, if it did not work.

        :param progressed: told each line of progress.
        """
        return self._worker_loop.tasks.ask(request, progressed)

    def maintaining(self) -> AbstractContextManager[None]:
        """Keep writers away, within, in all processes: the record is about to be replaced.

        :raises ServerStopping: the end has begun.
        :raises Maintenance: somebody else does the same.
        :raises Conflict: ``IMPORTS_UNFINISHED``; ``RECORD_IN_USE``: something else is being written.
        """
        return self._lock.maintaining(self._refuse_unfinished)

    def _refuse_unfinished(self) -> None:
        if self._worker_loop.stopped:
            raise ServerStopping
        if self._import_queue.unfinished():
            raise Conflict(
                "Some imports have not ended yet; let them end, or cancel them, first.", "IMPORTS_UNFINISHED"
            )

    def see_through(self, import_id: int) -> None:
        """Look for work now, and wait until an import is not to be done here any more."""
        self._worker_loop.wake()
        while not self._worker_loop.stopped:
            waits = any(record.id == import_id for record in self._import_queue.waiting())
            if not waits and self._runner.current != import_id:
                return
            self._sleep(LOOK)

    def _may_import(self) -> bool:
        return self._wake_workers is None and not self._lock.is_held()

    def _ready(self, record: Import) -> None:
        """See that somebody takes an import."""
        if self._wake_workers is None:
            self._worker_loop.wake()
        else:
            self._wake_workers(record.id)
