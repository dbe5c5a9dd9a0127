"""What the importer process does beside imports, each when it is free: an undo, a backup, a restore."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy.exc import SQLAlchemyError

from hextrackr.db.error_mapping import error_from_exception
from hextrackr.errors import ErrorRecord, HexTrackrError, Interrupted, ServerStopping

from .channel import Message

log = logging.getLogger(__name__)

#: What is said of something that could not even begin.
NOT_STARTED: ErrorRecord = {
    "code": Interrupted.code,
    "detail": "The process that does this could not be started; nothing was changed.",
}

#: Told each line of progress.
Progressed = Callable[[Message], None]


@dataclass(eq=False)
class _Task:
    """A request, and what became of it."""

    request: Message
    progressed: Progressed
    done: bool = False
    #: What is true until somebody says otherwise.
    error: ErrorRecord | None = field(default_factory=lambda: HexTrackrError().record())


class TaskQueue:
    """A queue of requests; who asks waits for the answer, and another green thread carries it out.

    :param wake: tells that there is something to do.
    :param sleep: waits in the server's async mode (seconds).
    :param stopped: whether nothing is carried out any more.
    """

    def __init__(self, wake: Callable[[], None], sleep: Callable[[float], None], stopped: Callable[[], bool]) -> None:
        self._wake = wake
        self._sleep = sleep
        self._stopped = stopped
        self._waiting: deque[_Task] = deque()
        self.under_way = False

    def ask(self, request: Message, progressed: Progressed) -> ErrorRecord | None:
        """Have something done and wait for its end; what stood in the way, if it did not work."""
        task = _Task(request, progressed)
        self._waiting.append(task)
        self._wake()
        while not (task.done or self._stopped()):
            self._sleep(0.05)
        return task.error if task.done else ServerStopping().record()

    def take(self, carry_out: Callable[[Message, Progressed], ErrorRecord | None]) -> bool:
        """Carry out the next one; False if there is none."""
        if not self._waiting:
            return False
        task = self._waiting.popleft()
        self.under_way = True
        try:
            task.error = carry_out(task.request, task.progressed)
        except OSError:
            log.exception("The importer process cannot be started")
            task.error = NOT_STARTED
        except (SQLAlchemyError, HexTrackrError) as error:
            log.exception("The importer process was not asked")
            task.error = error_from_exception(error).record()
        finally:
            self.under_way = False
            task.done = True
        return True
