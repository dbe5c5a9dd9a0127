"""What the importer process does beside imports, each when it is free: an undo, a backup, a restore."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from hextrackr.errors import ErrorRecord, ServerStopping

from .channel import Message

#: Told each line of progress.
Progressed = Callable[[Message], None]


@dataclass(eq=False)
class _Chore:
    """A request, and what became of it."""

    request: Message
    progressed: Progressed
    done: bool = False
    error: ErrorRecord | None = None


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
        try:
            chore.error = carry_out(chore.request, chore.progressed)
        finally:
            chore.done = True
        return True
