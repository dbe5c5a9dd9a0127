"""What the importer process does beside imports, each when it is free: an undo, a backup, a restore."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy.exc import SQLAlchemyError

from hextrackr.db.error_mapping import translated
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
class _Chore:
    """A request, and what became of it."""

    request: Message
    progressed: Progressed
    done: bool = False
    #: What is true until somebody says otherwise.
    error: ErrorRecord | None = field(default_factory=lambda: HexTrackrError().record())


class Chores:
    """A queue of requests; who asks waits for the answer, and another green thread carries it out.

    :param wake: tells that there is something to do.
    :param sleep: waits in the server's async mode (seconds).
    :param stopped: whether nothing is carried out any more.
    """

    def __init__(self, wake: Callable[[], None], sleep: Callable[[float], None], stopped: Callable[[], bool]) -> None:
        self._wake = wake
        self._sleep = sleep
        self._stopped = stopped
        self._waiting: deque[_Chore] = deque()
        self.under_way = False

    def ask(self, request: Message, progressed: Progressed) -> ErrorRecord | None:
        """Have something done and wait for its end; what stood in the way, if it did not work."""
        chore = _Chore(request, progressed)
        self._waiting.append(chore)
        self._wake()
        while not (chore.done or self._stopped()):
            self._sleep(0.05)
        return chore.error if chore.done else ServerStopping().record()

    def take(self, carry_out: Callable[[Message, Progressed], ErrorRecord | None]) -> bool:
        """Carry out the next one; False if there is none."""
        if not self._waiting:
            return False
        chore = self._waiting.popleft()
        self.under_way = True
        try:
            chore.error = carry_out(chore.request, chore.progressed)
        except OSError:
            log.exception("The importer process cannot be started")
            chore.error = NOT_STARTED
        except (SQLAlchemyError, HexTrackrError) as error:
            log.exception("The importer process was not asked")
            chore.error = translated(error).record()
        finally:
            self.under_way = False
            chore.done = True
        return True
