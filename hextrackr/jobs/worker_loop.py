"""The loop of the green thread beside the importer process: one thing after the other."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy.exc import SQLAlchemyError

from hextrackr.domain.models import Import
from hextrackr.errors import DatabaseBusy, ErrorRecord, HexTrackrError, Maintenance

from .channel import Message
from .child_process import ChildProcess
from .endings import Endings
from .maintenance import ROUND, MaintenanceTasks
from .maintenance_lock import MaintenanceLock
from .queue import ImportQueue
from .runner import Runner
from .task_queue import Progressed, TaskQueue

log = logging.getLogger(__name__)

_ERRORS = (SQLAlchemyError, HexTrackrError, OSError)

#: What imports wait for, in words, by the kind of the task; while others are under way there are no imports.
_CHORES = {"undo": "an undo", "backup": "a backup"}
#: How long an end in good order waits for the running import to be let go of, in seconds.
STOP_PATIENCE = 3.0


class WorkerLoop:
    """Takes tasks, and imports one at a time, the oldest first.

    :param to_cancel: whether another process, such as a command, wants this import cancelled.
    :param may_import: whether this process takes imports, now.
    :param lock: held while anything is written to the record.
    :param sleep: waits in the server's async mode (seconds).
    """

    def __init__(
        self,
        import_queue: ImportQueue,
        *,
        to_cancel: Callable[[Import], bool],
        may_import: Callable[[], bool],
        lock: MaintenanceLock,
        sleep: Callable[[float], None],
    ) -> None:
        self._import_queue = import_queue
        self._to_cancel = to_cancel
        self._may_import = may_import
        self._lock = lock
        self._sleep = sleep
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._working = False
        self.tasks = TaskQueue(self._wake.set, sleep, self._stopped.is_set)

    def bind(self, runner: Runner, child: ChildProcess, maintenance: MaintenanceTasks, endings: Endings) -> None:
        """Say what the loop consists of; the runner calls :meth:`meanwhile`, so it comes second."""
        self._runner = runner
        self._child = child
        self._maintenance = maintenance
        self._endings = endings

    @property
    def stopped(self) -> bool:
        """Whether the end has begun."""
        return self._stopped.is_set()

    def wake(self) -> None:
        """There is something to do."""
        self._wake.set()

    def stop(self) -> None:
        """Take nothing more."""
        self._stopped.set()
        self._wake.set()

    def wait_until_over(self) -> None:
        """Wait until what was begun is let go of."""
        deadline = time.monotonic() + STOP_PATIENCE
        while self._working and time.monotonic() < deadline:
            self._sleep(0.02)

    def work(self) -> None:
        """Work until the end."""
        self._working = True
        try:
            self._take_turns()
        finally:
            self._child.discard()
            self._working = False

    def meanwhile(self) -> None:
        """Beside an import."""
        with _going_on():
            self._runner.cancel_current_if(self._to_cancel)
            self._maintenance.look_around()

    def _carry_out(self, request: Message, progressed: Progressed) -> ErrorRecord | None:
        """Have the importer do a task; see :meth:`.child_process.ChildProcess.ask`."""
        task = _CHORES.get(request.get("kind") or request["type"])

        def meanwhile() -> None:
            with _going_on():
                if task and self._may_import():
                    self._maintenance.remind_waiting(task)

        return self._child.ask(request, progressed, meanwhile)

    def _take_turns(self) -> None:
        while not self._stopped.is_set():
            self._wake.clear()
            try:
                if self._may_import():
                    self._child.warm_up()
                if self.tasks.take(self._carry_out):
                    continue
                with self._lock.writing():
                    self._endings.write_ends()
                    self._maintenance.look_around()
                    waiting = self._import_queue.waiting() if self._may_import() else []
                    if waiting:
                        self._runner.carry_out(waiting[0])
                        continue
            except Maintenance:
                log.debug("The record is being replaced; nothing is written meanwhile")
            except DatabaseBusy:
                log.warning("The database stayed locked by another process; the supervisor tries again")
                self._sleep(ROUND)
            except _ERRORS:
                log.exception("The supervisor met an error and goes on")
                self._sleep(ROUND)
            self._wake.wait(ROUND)


@contextmanager
def _going_on() -> Iterator[None]:
    """What is done beside the importer's work; where it does not succeed, that goes on."""
    try:
        yield
    except _ERRORS:
        log.exception("What is done beside the importer's work met an error")
