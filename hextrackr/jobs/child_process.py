"""Keeps an importer process: warm before there is anything to do, and a new one where the last has died."""

from __future__ import annotations

import logging
from collections.abc import Callable

from hextrackr.errors import ErrorRecord, Interrupted, OutOfMemory

from .channel import Message
from .importer_process import ImporterProcess

log = logging.getLogger(__name__)

_TOO_LITTLE_MEMORY = "The work needs more memory than the server may use for it; nothing was changed."


class ChildProcess:
    """Holds the importer process of one supervisor.

    :param database_url: what each importer process sweeps when it starts.
    :param niceness: how far it gives way to other processes.
    :param memory_limit: its address space in bytes.
    :param instance: the data folder, where it finds the lock.
    """

    def __init__(self, database_url: str, niceness: int, memory_limit: int | None = None, instance: str = "") -> None:
        self._database_url = database_url
        self._niceness = niceness
        self._memory_limit = memory_limit
        self._instance = instance
        self._process: ImporterProcess | None = None

    @property
    def pid(self) -> int | None:
        """The process id of the importer, while there is one."""
        return self._process.pid if self._process else None

    def warm_up(self) -> None:
        """Have an importer process before there is anything to do; without one, the next import says what is wrong."""
        try:
            self._started()
        except OSError:
            log.exception("The importer process cannot be started")

    def hand_over(self, send: Callable[[ImporterProcess], bool]) -> ImporterProcess:
        """Send a request, to a new process if the idle one has died.

        :raises OSError: the system has no room for another process.
        """
        process = self._started()
        if not send(process):
            self.discard()
            process = self._started()
            send(process)
        return process

    def ask(
        self, request: Message, progressed: Callable[[Message], None], meanwhile: Callable[[], None]
    ) -> ErrorRecord | None:
        """Let the importer do something else than an import; what stood in the way, if it did not work.

        :param progressed: told each line of progress.
        :param meanwhile: called before each line, and where there is none for a while.
        """
        error: ErrorRecord | None = None
        over = False
        process = self.hand_over(lambda process: process.ask(request))
        for message in process.messages():
            meanwhile()
            match message["type"]:
                case "progress":
                    progressed(message)
                case "done":
                    over = True
                case "failed":
                    over, error = True, message["error"]
                case "idle" if not message["retire"]:
                    return error
                case "idle":
                    break
        ran_out_of_memory = self.discard()
        if not over:
            detail = "The work was interrupted before it was done; nothing was changed."
            return OutOfMemory(_TOO_LITTLE_MEMORY).record() if ran_out_of_memory else Interrupted(detail).record()
        return error

    def kill(self) -> None:
        """End the importer at once."""
        if self._process is not None:
            self._process.kill()

    def discard(self) -> bool:
        """End the importer; whether it had already ended because its memory did not suffice."""
        process, self._process = self._process, None
        return process is not None and process.discard()

    def _started(self) -> ImporterProcess:
        if self._process is None:
            self._process = ImporterProcess(self._niceness, self._memory_limit)
            self._process.sweep(self._database_url, self._instance)
        return self._process
