"""The importer process as its parent has it: started, asked, listened to, killed, and replaced where it has died.

Both speak JSON lines over a socket; what they say is listed in :mod:`.importer`, the program that runs there. A socket and not a pipe,
because reading it is cooperative under every async mode; its end means that the other process is gone.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import orjson

from hextrackr import logs
from hextrackr.errors import ErrorRecord, Interrupted, OutOfMemory
from hextrackr.paths import IMPORT_ROOT

log = logging.getLogger(__name__)

Message = dict[str, Any]
#: What :meth:`Channel.messages` yields where the other end has sent nothing for a while.
SILENT: Message = {"type": "silent"}
#: After so many seconds of silence watchers are told again what they know: they are never without a word for half a second.
PATIENCE = 0.3
#: With this status a process ends that has no memory left to say so.
MEMORY_EXHAUSTED = 77

_TOO_LITTLE_MEMORY = "The work needs more memory than the server may use for it; nothing was changed."


class Channel:
    """One end of the conversation."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._sending = threading.Lock()

    def send(self, message: Message) -> bool:
        """Send one message; False if the other end is gone."""
        try:
            with self._sending:
                self._end.sendall(orjson.dumps(message) + b"\n")
        except OSError:
            return False
        return True

    def messages(self, patience: float | None = None) -> Iterator[Message]:
        """Yield what the other end sends until it is gone; a line cut short by its death is dropped.

        :param patience: seconds of silence after which, each time, :data:`SILENT` is yielded.
        """
        self._end.settimeout(patience)
        rest = b""
        while True:
            try:
                received = self._end.recv(65536)
            except TimeoutError:
                yield SILENT
                continue
            except OSError:
                return
            if not received:
                return
            *lines, rest = (rest + received).split(b"\n")
            for line in lines:
                yield orjson.loads(line)

    def close(self) -> None:
        """End the conversation; the other end sees it at once."""
        self._end.close()


class ImporterProcess:
    """The importer process of this one: warm before there is anything to do, and a new one where the last has died.

    :param database_url: what each importer process sweeps when it starts.
    :param instance: the data folder, where it finds the lock.
    :param niceness: how far it gives way to other processes.
    :param memory_limit: its address space in bytes.
    """

    def __init__(
        self, database_url: str, instance: str = "", niceness: int = 0, memory_limit: int | None = None
    ) -> None:
        self._sweep = {"type": "sweep", "database_url": database_url, "instance": instance}
        self._niceness = niceness
        self._memory_limit = memory_limit
        self._running: tuple[subprocess.Popen[bytes], Channel] | None = None

    @property
    def pid(self) -> int | None:
        """The process id of the importer, while there is one."""
        running = self._running
        return running[0].pid if running else None

    def warm_up(self) -> None:
        """Start the process before there is anything to do; where that fails, the next import says what is wrong."""
        try:
            self._started()
        except OSError:
            log.exception("The importer process cannot be started")

    def send(self, message: Message) -> None:
        """Hand over a request, to a new process if the idle one has died.

        :raises OSError: the system has no room for another process.
        """
        if not self._started().send(message):
            self.discard()
            self._started().send(message)

    def messages(self) -> Iterator[Message]:
        """Yield what the importer sends, until it is gone; also that it is silent: it is still starting, or gets no processor time."""
        running = self._running
        return running[1].messages(PATIENCE) if running else iter(())

    def ask(
        self, request: Message, progressed: Callable[[Message], None], meanwhile: Callable[[], None]
    ) -> ErrorRecord | None:
        """Let the importer do something else than an import; return what stood in the way, if it did not work.

        :param progressed: called with each line of progress.
        :param meanwhile: called before each line, and where there is none for a while.
        :raises OSError: as :meth:`send`.
        """
        self.send(request)
        error: ErrorRecord | None = None
        ended = False
        for message in self.messages():
            meanwhile()
            match message["type"]:
                case "progress":
                    progressed(message)
                case "done":
                    ended = True
                case "failed":
                    ended, error = True, message["error"]
                case "idle" if not message["retire"]:
                    return error
                case "idle":
                    break
        ran_out_of_memory = self.discard()
        if ended:
            return error
        if ran_out_of_memory:
            return OutOfMemory(_TOO_LITTLE_MEMORY).record()
        return Interrupted("The work was interrupted before it was done; nothing was changed.").record()

    def kill(self) -> None:
        """End the importer at once, in whatever it is doing; what it has not committed is rolled back."""
        running = self._running
        if running is not None:
            running[0].kill()

    def discard(self) -> bool:
        """End the importer and take its exit status; return whether it had already ended because its memory did not suffice.

        What cannot say so any more is aborted by the C++ library. Whom the system has killed for want of memory cannot be told from others.
        """
        if self._running is None:
            return False
        (process, channel), self._running = self._running, None
        process.kill()
        channel.close()
        status = process.wait()
        return status == MEMORY_EXHAUSTED or (self._memory_limit is not None and status == -signal.SIGABRT)

    def _started(self) -> Channel:
        """The channel to the process, which is started if there is none."""
        if self._running is None:
            self._running = self._start()
            self._running[1].send(self._sweep)
        return self._running[1]

    def _start(self) -> tuple[subprocess.Popen[bytes], Channel]:
        own, theirs = socket.socketpair()
        arguments = (theirs.fileno(), self._niceness, self._memory_limit or 0)
        with theirs:
            try:
                process = subprocess.Popen(
                    [sys.executable, "-m", "hextrackr.jobs.importer", *map(str, arguments)],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    cwd=IMPORT_ROOT,
                    env={**os.environ, **logs.chosen()},
                    process_group=0,  # a group of its own: Ctrl-C reaches the server only, which then lets the child go
                )
            except OSError:
                own.close()
                raise
        return process, Channel(own)
