"""Control the importer process from its parent: start it, send it requests, read its messages, kill it, and replace it if it dies.

Both exchange JSON lines over a socket; :mod:`.importer`, the program that runs there, lists the messages. It is a socket and not a pipe
because reading it is cooperative under every async mode. Its end means that the other process is gone.
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
#: What :meth:`Channel.messages` yields if the other end has sent nothing for a while.
SILENT: Message = {"type": "silent"}
#: Seconds of silence after which watchers get the last update again, so that they get one at least every half second.
PATIENCE = 0.3
#: The exit status of a process without enough memory to report that.
MEMORY_EXHAUSTED = 77

_TOO_LITTLE_MEMORY = "The work needs more memory than the server may use for it; nothing was changed."


class Channel:
    """One end of the connection between the two processes."""

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
        """Yield the messages of the other end until it is gone; an incomplete last line is dropped.

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
        """Close the connection; the other end notices at once."""
        self._end.close()


class ImporterProcess:
    """The importer process of this process: started ahead of the first request, and replaced when it has died.

    :param database_url: the database that each importer process sweeps when it starts.
    :param instance: the data folder, which has the lock.
    :param niceness: added to its priority value, so that other processes go first.
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
        """The process id of the importer, or None."""
        running = self._running
        return running[0].pid if running else None

    def warm_up(self) -> None:
        """Start the process ahead of the first request; if that fails, the next import reports it."""
        try:
            self._started()
        except OSError:
            log.exception("The importer process cannot be started")

    def send(self, message: Message) -> None:
        """Send a request, to a new process if the idle one has died.

        :raises OSError: the system cannot start another process.
        """
        if not self._started().send(message):
            self.discard()
            self._started().send(message)

    def messages(self) -> Iterator[Message]:
        """Yield the messages of the importer until it is gone, and :data:`SILENT` while it starts or gets no processor time."""
        running = self._running
        return running[1].messages(PATIENCE) if running else iter(())

    def ask(
        self, request: Message, progressed: Callable[[Message], None], meanwhile: Callable[[], None]
    ) -> ErrorRecord | None:
        """Send the importer a request other than an import, and wait until it is done; return its error, or None.

        :param progressed: called with each line of progress.
        :param meanwhile: called before each line, and at intervals if there is none.
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
        return Interrupted("The operation was interrupted; nothing was changed.").record()

    def kill(self) -> None:
        """Kill the importer at once; what it has not committed is rolled back."""
        running = self._running
        if running is not None:
            running[0].kill()

    def discard(self) -> bool:
        """Kill the importer and read its exit status; return whether it had already ended because it ran out of memory.

        Without memory to report that, the C++ library aborts the process. A kill by the system's out-of-memory killer is not recognised.
        """
        if self._running is None:
            return False
        (process, channel), self._running = self._running, None
        process.kill()
        channel.close()
        status = process.wait()
        return status == MEMORY_EXHAUSTED or (self._memory_limit is not None and status == -signal.SIGABRT)

    def _started(self) -> Channel:
        """Return the channel to the process, which is started if there is none."""
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
                    process_group=0,  # a group of its own: Ctrl-C reaches only the server, which then ends the child
                )
            except OSError:
                own.close()
                raise
        return process, Channel(own)
