"""Servers that tests and measurements start themselves: on loopback, on ports of their own, with data in a temporary folder."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from tests.support import ports


class MissingProgram(Exception):
    """A program is not installed; the message names it."""


def program(*names: str) -> str:
    """The first of these programs that is installed.

    :raises MissingProgram: there is none.
    """
    for name in names:
        found = shutil.which(name) or shutil.which(name, path="/usr/sbin")
        if found:
            return found
    raise MissingProgram(f"this needs the program `{'` or `'.join(names)}`")


class RedisServer:
    """A redis-server (or valkey-server) that can be killed, suspended and started again at the same address.

    :raises MissingProgram: neither is installed.
    """

    def __init__(self, folder: Path) -> None:
        self._program = program("redis-server", "valkey-server")
        self._folder = folder
        self._port = ports.free()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"redis://127.0.0.1:{self._port}/0"
        self.client = Redis.from_url(self.url, socket_timeout=1)

    def start(self) -> None:
        """Start it, empty."""
        command = [
            self._program,
            "--port",
            str(self._port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--dir",
            str(self._folder),
        ]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while not self.answers():
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def answers(self) -> bool:
        """Whether it answers."""
        try:
            return bool(self.client.ping())
        except RedisError:
            return False

    def kill(self) -> None:
        """Kill it; its data are lost."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def hang(self) -> None:
        """Suspend it: it accepts connections and does not answer."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Continue it."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End it for good."""
        self.client.close()
        self.kill()
