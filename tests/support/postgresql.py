"""A PostgreSQL server for a test or a benchmark: from Debian's package, on loopback, in a temporary folder."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from tests.support import ports

#: Settings of a small server whose data need not be durable.
FOR_TESTS = {
    "fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "autovacuum": "off", "shared_buffers": "64MB",
}  # fmt: skip


def folder() -> Path | None:
    """The folder of PostgreSQL's programs, the newest version; None if there are none."""
    packaged = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=_version, reverse=True)
    found = packaged[0] if packaged else shutil.which("initdb")
    return Path(found).parent if found and (Path(found).parent / "pg_ctl").exists() else None


def _version(path: Path) -> int:
    return int(re.sub(r"\D.*", "", path.parts[-3]) or 0)


class Server:
    """A server with its data folder."""

    def __init__(self, programs: Path, data: Path, port: int, settings: dict[str, str]) -> None:
        self._programs = programs
        self.data = data
        self.port = port
        self._settings = settings

    def url(self, database: str) -> str:
        """The DATABASE_URL."""
        return f"postgresql+psycopg://hextrackr@127.0.0.1:{self.port}/{database}"

    def address(self, database: str) -> str:
        """The connection string of the driver."""
        return f"host=127.0.0.1 port={self.port} user=hextrackr dbname={database}"

    def create(self, template: str = "template1") -> str:
        """Make a database, as a copy of another one that nobody uses, and return its name."""
        name = f"test_{uuid.uuid4().hex}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        return name

    def drop(self, name: str) -> None:
        """Drop a database, whoever uses it."""
        self.run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def run(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Execute one statement on a connection of its own."""
        with psycopg.connect(self.address(database), autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def start(self) -> None:
        """Start, and wait until it accepts connections."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            **self._settings,
        }
        options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
        self._do("pg_ctl", "-w", "-l", str(self.data / "log"), "-o", options, "start")

    def stop(self, mode: str = "fast") -> None:
        """Stop: ``fast`` aborts all transactions, ``immediate`` is like a crash."""
        self._do("pg_ctl", "-w", "-m", mode, "stop")

    def own(self, folder: Path) -> None:
        """Allow the server to write into a folder."""
        if user := _other_user():
            for parent in folder.parents:
                parent.chmod(parent.stat().st_mode | 0o011)
            os.chown(folder, user.pw_uid, user.pw_gid)

    def _do(self, program: str, *arguments: str) -> None:
        _as_other_user(str(self._programs / program), "-D", str(self.data), *arguments)


@contextmanager
def serving(**settings: str) -> Iterator[Server]:
    """Set up a server and start it with these settings; requires :func:`folder`."""
    programs = folder()
    assert programs is not None
    with tempfile.TemporaryDirectory(prefix="hextrackr-postgresql-", ignore_cleanup_errors=True) as parent:
        os.chmod(parent, 0o755)
        data = Path(parent, "data")
        data.mkdir(mode=0o700)
        if owner := _other_user():
            os.chown(data, owner.pw_uid, owner.pw_gid)
        initdb = ("--auth=trust", "--username=hextrackr", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
        _as_other_user(str(programs / "initdb"), "-D", str(data), *initdb)
        server = Server(programs, data, ports.free(), settings)
        server.start()
        try:
            yield server
        finally:
            server.stop("immediate")


def _other_user() -> pwd.struct_passwd | None:
    """The user as which PostgreSQL runs if the tests run as root, which it refuses."""
    if os.geteuid():
        return None
    users = {user.pw_name: user for user in pwd.getpwall()}
    return users.get("postgres") or users["nobody"]


def _as_other_user(*command: str) -> None:
    user = _other_user()
    as_user: dict[str, Any] = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
    done = subprocess.run(
        command, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, **as_user
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stderr}")
