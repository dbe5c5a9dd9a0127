"""The importer process as the supervisor holds it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from hextrackr import logs
from hextrackr.importing.job import Job

from .channel import Channel, Message

_ROOT = Path(__file__).resolve().parents[2]
#: A child that says nothing for this long, in seconds, is spoken for: watchers are never without a word for half a second.
PATIENCE = 0.3


class ImporterProcess:
    """A warm child: started before the first job, so that no import waits for its start.

    :param niceness: how far it gives way to other processes.
    :raises OSError: the system has no room for another process.
    """

    def __init__(self, niceness: int) -> None:
        own, theirs = socket.socketpair()
        with theirs:
            try:
                # A group of its own: Ctrl-C reaches the server only, which then lets the child go.
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "hextrackr.workers.importer", str(theirs.fileno()), str(niceness)],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    cwd=_ROOT,
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

    def sweep(self, database_url: str) -> None:
        """Let the child empty what ended imports have left in staging."""
        self._channel.send({"type": "sweep", "database_url": database_url})

    def messages(self) -> Iterator[Message]:
        """What the child says, until it is gone; also that it is silent: it is still starting, or gets no processor time."""
        return self._channel.messages(PATIENCE)

    def kill(self) -> None:
        """End the child at once, in whatever it is doing; what it has not committed is rolled back."""
        self._process.kill()

    def discard(self) -> None:
        """Kill the child and take its exit status."""
        self.kill()
        self._channel.close()
        self._process.wait()
