"""The worker loop of one process: claims imports, runs them, recovers abandoned ones, and does maintenance.

It runs in a green thread beside the importer process and does one thing at a time: an import, or a task such as an undo. Once a second,
also while an import runs, it does maintenance: it looks for abandoned imports, overdue answers and old uploads.
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
from .lists import Lists
from .maintenance_lock import MaintenanceLock
from .progress_reporter import ProgressReporter
from .queue import MAX_ATTEMPTS, ImportQueue
from .runner import Runner

log = logging.getLogger(__name__)

#: Seconds between two runs of maintenance, and between two searches for work of which no notice came.
INTERVAL = 1.0
#: Seconds between two checks of an import for which a worker process was woken.
CHECK_INTERVAL = 0.2
#: Seconds that a worker process has to claim an import before its watchers are notified that none has.
UNATTENDED_AFTER = 3.0
#: Seconds between two updates of waiting imports: with the tracker's throttle on top, they get one at least every half second.
WAITING_INTERVAL = 0.25
#: Seconds that a graceful stop waits for the running import to be released.
STOP_PATIENCE = 3.0
#: The error of a task that could not even begin.
NOT_STARTED: ErrorRecord = {
    "code": Interrupted.code,
    "detail": "The process that does this could not be started; nothing was changed.",
}

_ERRORS = (SQLAlchemyError, HexTrackrError, OSError)
#: What imports wait for, by the kind of the task; during the other kinds there are no imports.
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
    """A request to the importer process other than an import, and its result; ``error`` is only valid once it is ``done``."""

    request: Message
    progressed: Progressed
    done: bool = False
    error: ErrorRecord | None = field(default_factory=lambda: HexTrackrError().record())


class Worker:
    """The worker of one process.

    :param import_queue: the import rows.
    :param runner: runs one import.
    :param importer: the importer process, which does tasks as well.
    :param reporter: reports to the tracker.
    :param lock: held while anything is written to the record.
    :param lists: brought up to date before a task is done.
    :param instance: the data folder.
    :param takes_imports: imports run here; otherwise in worker processes, of which there may be none.
    :param alone: no other process runs imports.
    :param start_task: starts a background task in the server's async mode; ``sleep`` waits in it (seconds).
    """

    def __init__(
        self,
        import_queue: ImportQueue,
        runner: Runner,
        importer: ImporterProcess,
        reporter: ProgressReporter,
        lock: MaintenanceLock,
        lists: Lists,
        instance: Path,
        *,
        start_task: Callable[..., Any],
        sleep: Callable[[float], None],
        takes_imports: bool = True,
        alone: bool = True,
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
        self._lists = lists
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._is_working = False
        self._tasks: deque[_Task] = deque()
        self._is_at_task = False
        self._maintained = self._waiting_updated = 0.0
        self._waiting_since: dict[int, float] = {}

    # From its start to its end

    def start(self) -> None:
        """Recover the imports that an earlier process left unfinished, and start the loop."""
        try:
            with self._lock.writing():
                self._recover()
        except Maintenance:
            pass  # then no import is unfinished; maintenance finds what comes later
        self._start_task(self.work)

    def work(self) -> None:
        """Run the loop until the worker is stopped."""
        self._is_working = True
        try:
            while not self.stopped:
                self._wake.clear()
                if not self._do_next():
                    self._wake.wait(INTERVAL)
        finally:
            self._importer.discard()
            self._is_working = False

    def stop(self) -> None:
        """End the importer process; an unfinished import continues at the next start, or in another process."""
        self._stopped.set()
        self._wake.set()
        self._runner.stop()

    def stop_gently(self) -> None:
        """Stop, wait until everything is released, and send a last update to the watchers: their imports will continue."""
        self.stop()
        deadline = time.monotonic() + STOP_PATIENCE
        while self._is_working and time.monotonic() < deadline:
            self._sleep(0.02)
        for row in self._import_queue.unfinished():
            if self._alone or row.id in self._runner.released:
                self._reporter.pausing(row)

    @property
    def stopped(self) -> bool:
        """Whether the worker is stopping, or has stopped."""
        return self._stopped.is_set()

    @property
    def is_importing(self) -> bool:
        """Whether an import runs in this process."""
        return self._runner.current is not None

    @property
    def is_at_work(self) -> bool:
        """Whether the importer process is doing something."""
        return self._runner.current is not None or self._is_at_task

    @property
    def importer_pid(self) -> int | None:
        """The process id of the importer, while there is one."""
        return self._importer.pid

    def refuse_if_stopping(self) -> None:
        """Refuse new work while the server stops, or while the record is replaced.

        :raises ServerStopping: the server stops.
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

    def wait_for(self, import_id: int) -> None:
        """Look for work now, and wait until an import no longer waits or runs in this process."""
        self.wake()
        while not self.stopped:
            waits = any(row.id == import_id for row in self._import_queue.waiting())
            if not waits and self._current_id() != import_id:
                return
            self._sleep(CHECK_INTERVAL)

    def run_alone(self, import_id: int) -> Import:
        """Run one import in an importer process of its own, wait for its end, and return its row.

        If a running server claims the import first, wait for that server to end it.

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
        """Send a request to the importer process as soon as it is free, and wait until it is done; return its error, or None.

        :param request: one of those that :mod:`.importer` accepts.
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
        """Do the next task or import; False if there is none, or it cannot run now."""
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
            log.warning("The database is locked by another process; the worker will retry")
            self._sleep(INTERVAL)
        except _ERRORS:
            log.exception("An error occurred in the worker, which continues")
            self._sleep(INTERVAL)
        return False

    def _do_task(self, task: _Task) -> None:
        waited_for = _WAITED_FOR.get(task.request.get("kind") or task.request["type"])

        def meanwhile() -> None:
            with _logging_errors():
                if waited_for and self._may_import():
                    self._keep_waiting_updated(waited_for)

        self._is_at_task = True
        try:
            task.error = self._importer.ask(task.request, task.progressed, meanwhile)
            self._lists.refresh(meanwhile)
        except OSError:
            log.exception("The importer process cannot be started")
            task.error = NOT_STARTED
        except (SQLAlchemyError, HexTrackrError) as error:
            log.exception("The task of the importer process failed")
            task.error = error_from_exception(error).record()
        finally:
            self._is_at_task = False
            task.done = True

    def _beside_import(self) -> None:
        """Cancel the running import if another process, such as a command, requests it; and do maintenance."""
        with _logging_errors():
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

    def _recover(self) -> None:
        """Recover the imports that earlier processes left unfinished, except those on which other processes work."""
        recovered = {row.id for row in self._import_queue.recover()}
        self._tidy()  # recovered imports need no spill folder
        for row in self._import_queue.unfinished():
            if row.id in recovered:
                self._resume(row)
            elif row.state not in RUNNING or row.lease_until == 0:
                self._reporter.reopened(row)

    def _maintain(self) -> None:
        """Update the waiting imports, and clean up what no process reports; each at its own interval."""
        if self._runner.current is not None:
            self._keep_waiting_updated()
        if time.monotonic() - self._maintained < INTERVAL:
            return
        self._maintained = time.monotonic()
        self._reporter.forget_old()
        if not self._takes_imports:
            self._report_unattended()
        recovered = self._import_queue.recover()
        for row in recovered:
            self._resume(row)
        if recovered:
            self._tidy()  # recovered imports need no spill folder
        for row in self._import_queue.unconfirmed():
            self._runner.end(row, ImportState.CANCELLED, _OVERDUE)
        for row in self._import_queue.stale_uploads():
            self._runner.forget_upload(row)

    def _resume(self, row: Import) -> None:
        """Resume an import that another process has abandoned; fail it after too many attempts."""
        if row.state == ImportState.QUEUED and row.attempts >= MAX_ATTEMPTS:
            self._runner.end(row, ImportState.FAILED, _GIVEN_UP)
        else:
            self._reporter.resumed(row)

    def _tidy(self) -> None:
        files.tidy(self._instance, self._import_queue.uploads(), self._import_queue.leased())

    # Updates for waiting imports

    def update_waiting(self, task: str | None = None) -> None:
        """Send the waiting imports an update with their place; of several working processes only the one with the oldest import does.

        :param task: what they wait for, if it is not an import.
        """
        self._waiting_updated = time.monotonic()
        leased = [import_id for import_id, _ in self._import_queue.leased()]
        if leased and min(leased) != self._current_id():
            return
        for place, row in enumerate(self._import_queue.waiting(), start=1):
            self._reporter.waiting(row, place, task)

    def _keep_waiting_updated(self, task: str | None = None) -> None:
        """Send the waiting imports another update, if the interval is over."""
        if time.monotonic() - self._waiting_updated >= WAITING_INTERVAL:
            self.update_waiting(task)

    def _report_unattended(self) -> None:
        """Send an update to imports that no worker process claims although none is busy."""
        waiting = [] if self._import_queue.leased() else self._import_queue.waiting()
        now = time.monotonic()
        self._waiting_since = {row.id: self._waiting_since.get(row.id, now) for row in waiting}
        for place, row in enumerate(waiting, start=1):
            if now - self._waiting_since[row.id] >= UNATTENDED_AFTER:
                self._reporter.unattended(row, place)


@contextmanager
def _logging_errors() -> Iterator[None]:
    """Log errors instead of raising them, so that the importer's work goes on."""
    try:
        yield
    except _ERRORS:
        log.exception("An error occurred in a background task of the importer process")
