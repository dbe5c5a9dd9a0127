"""The importer process as the supervisor holds it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

from hextrackr import logs
from hextrackr.ingest.job import Job
from hextrackr.paths import IMPORT_ROOT

from . import memory
from .channel import Channel, Message

#: A child that says nothing for this long, in seconds, is spoken for: watchers are never without a word for half a second.
PATIENCE = 0.3


class ImporterProcess:
    """A warm child: started before the first job, so that no import waits for its start.

    :param niceness: how far it gives way to other processes.
    :param memory_limit: its address space in bytes.
    :raises OSError: the system has no room for another process.
    """

    def __init__(self, niceness: int, memory_limit: int | None = None) -> None:
        self._memory_limit = memory_limit
        own, theirs = socket.socketpair()
        with theirs:
            try:
                # A group of its own: Ctrl-C reaches the server only, which then lets the child go.
                self._process = subprocess.Popen(
                    [
                        sys.executable,
                        "-m",
                        "hextrackr.jobs.importer",
                        *map(str, (theirs.fileno(), niceness, memory_limit or 0)),
                    ],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    cwd=IMPORT_ROOT,
                    env={**os.environ, **logs.chosen()},
                    process_group=0,
                )
            except OSError:
                own.close()
                raise
        self._channel = Channel(own)

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    def send(self, job: Job, session_id: str) -> bool:
        """Hand over a job, and the session that the child's log is to name; False if the child is gone."""
        return self._channel.send({"type": "job", "session_id": session_id, **job.record()})

    def ask(self, request: Message) -> bool:
        """Hand over something else than an import, see :mod:`.importer`; False if the child is gone."""
        return self._channel.send(request)

    def sweep(self, database_url: str, instance: str) -> None:
        """Let the child empty what ended imports have left in staging."""
        self._channel.send({"type": "sweep", "database_url": database_url, "instance": instance})

    def messages(self) -> Iterator[Message]:
        """What the child says, until it is gone; also that it is silent: it is still starting, or gets no processor time."""
        return self._channel.messages(PATIENCE)

    def kill(self) -> None:
        """End the child at once, in whatever it is doing; what it has not committed is rolled back."""
        self._process.kill()

    def discard(self) -> bool:
        """Kill the child and take its exit status; whether it had already ended because its memory did not suffice.

        What cannot say so any more is aborted by the C++ library. Whom the system has killed for want of memory cannot be told from others.
        """
        self.kill()
        self._channel.close()
        code = self._process.wait()
        return code == memory.EXHAUSTED or (self._memory_limit is not None and code == -signal.SIGABRT)
