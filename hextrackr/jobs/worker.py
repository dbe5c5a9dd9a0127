"""The loop of one process that works on imports: it claims them, has them run, takes up what others left, and maintains the rest.

It runs in a green thread beside the importer process, and does one thing after the other: an import, or a task such as an undo. Beside
that, also while an import runs, it looks once a second for what nobody reports: abandoned imports, overdue answers, old uploads.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from hextrackr.db.error_mapping import error_from_exception
from hextrackr.domain.models import RUNNING, Import, ImportState
from hextrackr.errors import (
    Cancelled,
    DatabaseBusy,
    ErrorRecord,
    HexTrackrError,
    Interrupted,
    Maintenance,
    ServerStopping,
)

from . import files
from .importer_process import ImporterProcess, Message
from .maintenance_lock import MaintenanceLock
from .progress_reporter import ProgressReporter
from .queue import MAX_ATTEMPTS, ImportQueue
from .runner import RefreshLists, Runner, at_once

log = logging.getLogger(__name__)

#: Seconds between two rounds of maintenance, and between two looks for work that nobody told of.
ROUND = 1.0
#: Seconds between two looks at an import that a worker process has been woken for.
LOOK = 0.2
#: Seconds that a worker process has to take an import before its watchers are told that none has.
UNATTENDED_AFTER = 3.0
#: Seconds between two updates to imports that wait: with the tracker's throttle on top, they are never half a second without one.
REMIND = 0.25
#: How long an end in good order waits for the running import to be released, in seconds.
STOP_PATIENCE = 3.0
#: The error of a task that could not even begin.
NOT_STARTED: ErrorRecord = {
    "code": Interrupted.code,
    "detail": "The process that does this could not be started; nothing was changed.",
}

_ERRORS = (SQLAlchemyError, HexTrackrError, OSError)
#: What imports wait for, in words, by the kind of the task; while others are under way there are no imports.
_WAITED_FOR = {"undo": "an undo", "backup": "a backup"}
_OVERDUE: ErrorRecord = {
    "code": Cancelled.code,
    "detail": "Nobody answered within 24 hours, so the import was cancelled.",
}
_GIVEN_UP: ErrorRecord = {
    "code": Interrupted.code,
    "detail": f"The server ended {MAX_ATTEMPTS} times in the middle of this import, so it was given up; no finding was changed.",
}

#: Called with each line of progress.
Progressed = Callable[[Message], None]


@dataclass(eq=False)
class _Task:
    """What the importer is asked beside imports, and what became of it."""

    request: Message
    progressed: Progressed
    done: bool = False
    #: What is true until somebody says otherwise.
    error: ErrorRecord | None = field(default_factory=lambda: HexTrackrError().record())


class Worker:
    """The worker of one process.

    :param import_queue: the import rows.
    :param runner: runs one import.
    :param importer: the importer process, which does tasks as well.
    :param reporter: tells the tracker.
    :param lock: held while anything is written to the record.
    :param instance: the data folder.
    :param takes_imports: imports run here; else in worker processes, of which there may be none.
    :param alone: no other process takes imports.
    :param refresh_lists: called before a task is done.
    :param start_task: starts a background task in the server's async mode; ``sleep`` waits in it (seconds).
    """

    def __init__(
        self,
        import_queue: ImportQueue,
        runner: Runner,
        importer: ImporterProcess,
        reporter: ProgressReporter,
        lock: MaintenanceLock,
        instance: Path,
        *,
        start_task: Callable[..., Any],
        sleep: Callable[[float], None],
        takes_imports: bool = True,
        alone: bool = True,
        refresh_lists: RefreshLists = at_once,
    ) -> None:
        self._import_queue = import_queue
        self._runner = runner
        self._importer = importer
        self._reporter = reporter
        self._lock = lock
        self._instance = instance
        self._start_task = start_task
        self._sleep = sleep
        self._takes_imports = takes_imports
        self._alone = alone
        self._refresh_lists = refresh_lists
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._is_working = False
        self._tasks: deque[_Task] = deque()
        self._is_at_task = False
        self._maintained = self._reminded = 0.0
        self._waiting_since: dict[int, float] = {}

    # From its start to its end

    def start(self) -> None:
        """Take up what an earlier process left unfinished, and begin to work."""
        try:
            with self._lock.writing():
                self._take_up()
        except Maintenance:
            pass  # nothing is unfinished then; what there is afterwards is found by maintenance
        self._start_task(self.work)

    def work(self) -> None:
        """Work until the end."""
        self._is_working = True
        try:
            while not self.stopped:
                self._wake.clear()
                if not self._do_next():
                    self._wake.wait(ROUND)
        finally:
            self._importer.discard()
            self._is_working = False

    def stop(self) -> None:
        """End the importer process; an unfinished import is taken up at the next start, or by another process."""
        self._stopped.set()
        self._wake.set()
        self._runner.stop()

    def stop_gently(self) -> None:
        """Stop, wait until everything is released, and tell the watchers, as the last update, that their imports will go on."""
        self.stop()
        deadline = time.monotonic() + STOP_PATIENCE
        while self._is_working and time.monotonic() < deadline:
            self._sleep(0.02)
        for row in self._import_queue.unfinished():
            if self._alone or row.id in self._runner.released:
                self._reporter.pausing(row)

    @property
    def stopped(self) -> bool:
        """Whether the end has begun."""
        return self._stopped.is_set()

    @property
    def is_at_work(self) -> bool:
        """Whether the importer process is doing something."""
        return self._runner.current is not None or self._is_at_task

    @property
    def importer_pid(self) -> int | None:
        """The process id of the importer, while there is one."""
        return self._importer.pid

    def refuse_if_stopping(self) -> None:
        """Take nothing new once the end has begun, or while the record is replaced.

        :raises ServerStopping: the end has begun.
        :raises Maintenance: the record is being replaced.
        """
        if self.stopped:
            raise ServerStopping
        if self._lock.is_held():
            raise Maintenance

    # Imports and tasks, one after the other

    def wake(self) -> None:
        """Look for work now."""
        self._wake.set()

    def see_through(self, import_id: int) -> None:
        """Look for work now, and wait until an import is not to be done here any more."""
        self.wake()
        while not self.stopped:
            waits = any(row.id == import_id for row in self._import_queue.waiting())
            if not waits and self._current_id() != import_id:
                return
            self._sleep(LOOK)

    def run_alone(self, import_id: int) -> Import:
        """Run one import here and now, in an importer process of its own, and return its row.

        A server that runs beside this may take the import first; then this waits for what becomes of it.

        :raises NotFound: there is no such import.
        """
        row = self._import_queue.existing(import_id)
        try:
            self._reporter.queued(row)
            self._runner.run(row, self._beside_import)
        finally:
            self._importer.discard()
        while (row := self._import_queue.existing(import_id)).state in (ImportState.QUEUED, *RUNNING):
            self._sleep(0.1)
        return row

    def ask(
        self,
        request: Message,
        progressed: Progressed = lambda _: None,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> ErrorRecord | None:
        """Let the importer do something else once it is free, and wait until that is done; return what stood in the way.

        :param request: one of those that :mod:`.importer` takes.
        :param progressed: called with each line of progress.
        :param meanwhile: called several times a second.
        """
        task = _Task(request, progressed)
        self._tasks.append(task)
        self._wake.set()
        while not (task.done or self.stopped):
            self._sleep(0.05)
            meanwhile()
        return task.error if task.done else ServerStopping().record()

    def _do_next(self) -> bool:
        """Do what is next, a task or an import; False if there is none, or something stands in the way."""
        try:
            if self._may_import():
                self._importer.warm_up()
            if self._tasks:
                self._do_task(self._tasks.popleft())
                return True
            with self._lock.writing():
                self._runner.write_ends()
                self._maintain()
                waiting = self._import_queue.waiting() if self._may_import() else []
                if waiting:
                    self._runner.run(waiting[0], self._beside_import)
                    return True
        except Maintenance:
            log.debug("The record is being replaced; nothing is written meanwhile")
        except DatabaseBusy:
            log.warning("The database stayed locked by another process; the worker tries again")
            self._sleep(ROUND)
        except _ERRORS:
            log.exception("The worker met an error and goes on")
            self._sleep(ROUND)
        return False

    def _do_task(self, task: _Task) -> None:
        waited_for = _WAITED_FOR.get(task.request.get("kind") or task.request["type"])

        def meanwhile() -> None:
            with _unstopped():
                if waited_for and self._may_import():
                    self._remind_waiting(waited_for)

        self._is_at_task = True
        try:
            task.error = self._importer.ask(task.request, task.progressed, meanwhile)
            self._refresh_lists(meanwhile)
        except OSError:
            log.exception("The importer process cannot be started")
            task.error = NOT_STARTED
        except (SQLAlchemyError, HexTrackrError) as error:
            log.exception("The importer process was not asked")
            task.error = error_from_exception(error).record()
        finally:
            self._is_at_task = False
            task.done = True

    def _beside_import(self) -> None:
        """Cancel the import that runs if another process, such as a command, asks for it; and maintain the others."""
        with _unstopped():
            row = self._runner.current
            if row is not None and files.is_cancel_requested(self._instance, row):
                self._runner.cancel(row.id)
            self._maintain()

    def _may_import(self) -> bool:
        return self._takes_imports and not self._lock.is_held()

    def _current_id(self) -> int | None:
        row = self._runner.current
        return None if row is None else row.id

    # Recovery and maintenance

    def _take_up(self) -> None:
        """Take up what earlier processes left unfinished; what others are at work on is theirs."""
        recovered = {row.id for row in self._import_queue.recover()}
        self._tidy()  # what was recovered needs no spill folder any more
        for row in self._import_queue.unfinished():
            if row.id in recovered:
                self._resume(row)
            elif row.state not in RUNNING or row.lease_until == 0:
                self._reporter.reopened(row)

    def _maintain(self) -> None:
        """Remind those who wait for the import that runs here, and look for what nobody reports, each if it is time to."""
        if self._runner.current is not None:
            self._remind_waiting()
        if time.monotonic() - self._maintained < ROUND:
            return
        self._maintained = time.monotonic()
        self._reporter.forget_old()
        if not self._takes_imports:
            self._tell_unattended()
        recovered = self._import_queue.recover()
        for row in recovered:
            self._resume(row)
        if recovered:
            self._tidy()  # what was recovered needs no spill folder any more
        for row in self._import_queue.unconfirmed():
            self._runner.end(row, ImportState.CANCELLED, _OVERDUE)
        for row in self._import_queue.stale_uploads():
            self._runner.forget_upload(row)

    def _resume(self, row: Import) -> None:
        """Let an import go on that another process has left; one in which process after process ends is given up."""
        if row.state == ImportState.QUEUED and row.attempts >= MAX_ATTEMPTS:
            self._runner.end(row, ImportState.FAILED, _GIVEN_UP)
        else:
            self._reporter.resumed(row)

    def _tidy(self) -> None:
        files.tidy(self._instance, self._import_queue.uploads(), self._import_queue.leased())

    # Telling those who wait

    def tell_waiting(self, task: str | None = None) -> None:
        """Tell the imports that wait for their turn what comes first; of several processes at work, the one with the oldest import does.

        :param task: what comes first, if it is no import.
        """
        self._reminded = time.monotonic()
        leased = [import_id for import_id, _ in self._import_queue.leased()]
        if leased and min(leased) != self._current_id():
            return
        for place, row in enumerate(self._import_queue.waiting(), start=1):
            self._reporter.waiting(row, place, task)

    def _remind_waiting(self, task: str | None = None) -> None:
        """Tell them so again, if it is time to."""
        if time.monotonic() - self._reminded >= REMIND:
            self.tell_waiting(task)

    def _tell_unattended(self) -> None:
        """Tell the imports that no worker process takes, though none is at work."""
        waiting = [] if self._import_queue.leased() else self._import_queue.waiting()
        now = time.monotonic()
        self._waiting_since = {row.id: self._waiting_since.get(row.id, now) for row in waiting}
        for place, row in enumerate(waiting, start=1):
            if now - self._waiting_since[row.id] >= UNATTENDED_AFTER:
                self._reporter.unattended(row, place)


@contextmanager
def _unstopped() -> Iterator[None]:
    """Do something beside the importer's work; where it does not succeed, that work goes on."""
    try:
        yield
    except _ERRORS:
        log.exception("What is done beside the importer's work met an error")
