"""A server that is killed at some instant of an import and goes on with it, watched from outside."""

from __future__ import annotations

import http.client
import json
import os
import threading
from contextlib import suppress
from pathlib import Path
from subprocess import Popen
from typing import Any

import psutil

from hextrackr.db import Base
from hextrackr.domain import undo
from tests.support import client, databases, ports
from tests.support.server import Server, start
from tests.support.waiting import until

DATABASE = "hextrackr.sqlite3"
STAGING = [name for name in Base.metadata.tables if name.startswith("staging_")]
#: Who is killed: the server with all its processes; those that serve the web; the one that gunicorn replaces; the importer.
PARTS = ("server", "web", "worker", "importer")


class KilledServer:
    """One server on a data folder that outlives it."""

    def __init__(self, instance: Path, log: Path) -> None:
        instance.mkdir()
        self._port = str(ports.free())
        self.instance = instance
        self._log = log.open("ab")
        self._server: Server
        self._process: Popen[bytes]

    def start(self) -> None:
        """Serve, always at the same address."""
        self._server, self._process = start(self.instance, self._log, PORT=self._port)

    def __enter__(self) -> KilledServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End the server in good order."""
        self._process.terminate()
        self._process.wait(timeout=30)
        self._log.close()
        databases.drop(self.instance)

    def kill(self, part: str) -> None:
        """SIGKILL, and a new start where nobody else sees to that."""
        children = psutil.Process(self._process.pid).children(recursive=True)
        importers = [child for child in children if "hextrackr.jobs.importer" in _command(child)]
        workers = [child for child in children if child not in importers]
        if part in ("server", "web"):
            self._process.kill()  # first, or it would start another worker
        for child in {"server": children, "web": workers, "worker": workers, "importer": importers}[part]:
            child.kill()
        if part in ("server", "web"):
            self._process.wait()
            self.start()

    def upload(self, content: bytes, session_id: str) -> bool:
        """Post an export; False if the server was gone before it could answer."""
        try:
            status, answer = client.upload(self._server, content, "import-staging", sessionId=session_id)
        except (OSError, http.client.HTTPException):
            return False
        assert status == 202, answer
        return True

    def ask(self, path: str, method: str = "GET") -> tuple[int, Any]:
        """Call the API; status 0 while nobody answers."""
        connection = http.client.HTTPConnection(self._server.address, timeout=10)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, http.client.HTTPException):
            return 0, None
        finally:
            connection.close()

    def query(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Look into the database without the server."""
        return databases.query(self.instance, statement, *values)

    def state(self, session_id: str) -> str:
        """The state of the newest import of a session; empty if there is none."""
        found = self.query("SELECT state FROM imports WHERE session_id = ? ORDER BY id DESC LIMIT 1", session_id)
        return found[0][0] if found else ""

    def leftovers(self) -> list[str]:
        """What is still there and should not be, once an import has ended: files, and tables with staged rows."""
        files = [
            name
            for folder in ("uploads", "spill")
            for _, *found in os.walk(self.instance / folder)
            for name in sum(found, [])
        ]
        rows = [table for table in STAGING if self.query(f"SELECT 1 FROM {table} LIMIT 1")]
        kept = f"(SELECT id FROM imports WHERE state = 'completed' ORDER BY id DESC LIMIT {undo.DEPTH})"
        for table in (model.__tablename__ for model in undo.TABLES):
            rows += [table] * bool(self.query(f"SELECT 1 FROM {table} WHERE import_id NOT IN {kept} LIMIT 1"))
        known = {
            DATABASE,
            f"{DATABASE}-wal",
            f"{DATABASE}-shm",
            "uploads",
            "spill",
            "secret_key",
            "maintenance.lock",
            "writers.lock",
            "readmodel",
        }
        return [*files, *rows, *({path.name for path in self.instance.iterdir()} - known)]


class Watcher(threading.Thread):
    """A browser without a socket: asks again and again how the import is, whether anybody answers or not."""

    def __init__(self, server: KilledServer, session_id: str) -> None:
        super().__init__(daemon=True)
        self._server, self._path = server, f"/api/progress/{session_id}"
        self.seen: list[dict[str, Any]] = []
        self.lost = False
        self._done = threading.Event()
        self.start()

    def run(self) -> None:
        while not self._done.wait(0.05):
            status, snapshot = self._server.ask(self._path)
            if status == 200:
                self.seen.append(snapshot)
            elif status:
                self.lost = self.lost or bool(self.seen)

    def end(self) -> list[dict[str, Any]]:
        """Stop, and return every snapshot there was."""
        with suppress(AssertionError):  # the test says what it misses
            until(lambda: self.seen and self.seen[-1]["status"] != "processing", seconds=10)
        self._done.set()
        self.join()
        return self.seen


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []
