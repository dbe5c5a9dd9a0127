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
from .child_process import Keeper
from .endings import Endings
from .maintenance import ROUND, Rounds
from .maintenance_lock import MaintenanceLock
from .queue import ImportRegistry
from .runner import Runner
from .task_queue import Chores, Progressed

log = logging.getLogger(__name__)

_ERRORS = (SQLAlchemyError, HexTrackrError, OSError)

#: What imports wait for, in words, by the kind of the chore; while others are under way there are no imports.
_CHORES = {"undo": "an undo", "backup": "a backup"}
#: How long an end in good order waits for the running import to be let go of, in seconds.
STOP_PATIENCE = 3.0


class Turns:
    """Takes chores, and imports one at a time, the oldest first.

    :param to_cancel: whether another process, such as a command, wants this import cancelled.
    :param may_import: whether this process takes imports, now.
    :param lock: held while anything is written to the record.
    :param sleep: waits in the server's async mode (seconds).
    """

    def __init__(
        self,
        registry: ImportRegistry,
        *,
        to_cancel: Callable[[Import], bool],
        may_import: Callable[[], bool],
        lock: MaintenanceLock,
        sleep: Callable[[float], None],
    ) -> None:
        self._registry = registry
        self._to_cancel = to_cancel
        self._may_import = may_import
        self._lock = lock
        self._sleep = sleep
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._working = False
        self.chores = Chores(self._wake.set, sleep, self._stopped.is_set)

    def bind(self, runner: Runner, keeper: Keeper, rounds: Rounds, endings: Endings) -> None:
        """Say what the turns consist of; the runner calls :meth:`meanwhile`, so it comes second."""
        self._runner = runner
        self._keeper = keeper
        self._rounds = rounds
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
        """Take turns until the end."""
        self._working = True
        try:
            self._take_turns()
        finally:
            self._keeper.discard()
            self._working = False

    def meanwhile(self) -> None:
        """Beside an import."""
        with _going_on():
            self._runner.cancel_current_if(self._to_cancel)
            self._rounds.look_around()

    def _carry_out(self, request: Message, progressed: Progressed) -> ErrorRecord | None:
        """Have the importer do a chore; see :meth:`.child_process.Keeper.ask`."""
        chore = _CHORES.get(request.get("kind") or request["type"])

        def meanwhile() -> None:
            with _going_on():
                if chore and self._may_import():
                    self._rounds.remind_waiting(chore)

        return self._keeper.ask(request, progressed, meanwhile)

    def _take_turns(self) -> None:
        while not self._stopped.is_set():
            self._wake.clear()
            try:
                if self._may_import():
                    self._keeper.warm_up()
                if self.chores.take(self._carry_out):
                    continue
                with self._lock.writing():
                    self._endings.write_ends()
                    self._rounds.look_around()
                    waiting = self._registry.waiting() if self._may_import() else []
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
