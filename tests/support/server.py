"""A real server for a test or a benchmark, with its own port and its own empty data folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.request import urlopen

import psutil

from tests.support import ROOT, databases, ports


@dataclass(frozen=True)
class Server:
    """A running server: ``host:port``, the pid of its main process and its data folder."""

    address: str
    pid: int
    instance: Path

    @property
    def url(self) -> str:
        """The address as a URL."""
        return f"http://{self.address}"

    def memory(self) -> float:
        """MB of memory of the server and all its children, shared pages counted once (proportional set size)."""
        total = 0
        for process in (psutil.Process(self.pid), *psutil.Process(self.pid).children(recursive=True)):
            try:
                total += process.memory_full_info().pss
            except psutil.Error:
                continue
        return total / 1e6


@contextmanager
def running(
    log: IO[bytes] | None = None, instance: Path | None = None, app: str = "app:app", **settings: str
) -> Iterator[Server]:
    """Serve the app as ``make run`` does, with these settings, and yield the server once it answers.

    :param log: where the server's log goes; to this process's own by default.
    :param instance: its data folder; a temporary one by default.
    :param app: what gunicorn serves.
    """
    with tempfile.TemporaryDirectory(prefix="hextrackr-") as folder:
        server, process = start(instance or Path(folder), log, app, **settings)
        try:
            yield server
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)
            if instance is None:
                databases.drop(server.instance)


def start(
    instance: Path, log: IO[bytes] | None = None, app: str = "app:app", **settings: str
) -> tuple[Server, subprocess.Popen[bytes]]:
    """Start a server on this folder, with its database migrated; return it once it answers, with its main process."""
    environment = environment_of(instance, PORT=str(ports.free()), LOG_LEVEL="WARNING") | settings
    if "DATABASE_URL" in settings or not databases.have_tables():
        migration = [sys.executable, "-m", "flask", "db", "upgrade"]
        subprocess.run(migration, cwd=ROOT, env=environment, check=True, stderr=subprocess.DEVNULL)
    command = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", app]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    server = Server(f"127.0.0.1:{environment['PORT']}", process.pid, instance)
    try:
        _await(server)
    except RuntimeError:
        process.kill()
        raise
    return server, process


def environment_of(instance: Path, **settings: str) -> dict[str, str]:
    """The environment of any program that works on this data folder."""
    return {**os.environ, "INSTANCE_PATH": str(instance), "DATABASE_URL": databases.url(instance), **settings}


def _await(server: Server) -> None:
    for _ in range(800):
        try:
            urlopen(f"{server.url}/health", timeout=1).read()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("the server does not answer")
