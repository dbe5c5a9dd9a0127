"""Set up connections to PostgreSQL, so that they return the same values as SQLite.

The differences in SQL are in :mod:`.dialects`.
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.abc import Buffer
from psycopg.types.string import StrDumper, TextLoader
from sqlalchemy import Engine, event
from sqlalchemy.engine import URL, Connection

#: Seconds to wait for a server that does not answer.
CONNECT_TIMEOUT = 10
#: Memory for one sort of a promotion, in MB; a hash table may take twice as much.
WORK_MB = 128
#: Milliseconds between two checks of PostgreSQL, in a long statement, that the client is still there.
CLIENT_CHECK_MS = 200


def engine_options(url: URL) -> dict[str, Any]:
    """The options with which an engine for this database is created."""
    # No prepared statements: each statement is planned for its values, and there may be a connection pooler.
    connect: dict[str, Any] = {"prepare_threshold": None}
    if "connect_timeout" not in url.query:
        connect["connect_timeout"] = CONNECT_TIMEOUT
    return {"pool_pre_ping": True, "connect_args": connect}


def prepare(engine: Engine, *, lock_timeout_ms: int, imports: bool) -> None:
    """Set up the connections of an engine.

    :param lock_timeout_ms: how long PostgreSQL waits for a lock.
    :param imports: for the importer process: its statements must end when it is killed, and staged rows need not survive a power cut.
    """
    settings = [f"SET lock_timeout = {lock_timeout_ms}", "SET jit = off"]
    if imports:
        settings += [
            f"SET client_connection_check_interval = {CLIENT_CHECK_MS}",
            f"SET work_mem = '{WORK_MB}MB'",
            "SET synchronous_commit = off",
        ]

    @event.listens_for(engine, "connect")
    def connect(connection: psycopg.Connection[Any], _record: Any) -> None:
        connection.adapters.register_dumper(str, _TextDumper)
        for name in ("text", "varchar"):
            connection.adapters.register_loader(name, _TextLoader)
        connection.execute("; ".join(settings))
        connection.commit()

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        if imports and connection.get_execution_options().get("durable"):
            connection.exec_driver_sql("SET LOCAL synchronous_commit TO DEFAULT")


def encoded(text: bytes) -> bytes:
    """Encode UTF-8 for PostgreSQL, which cannot store zero bytes: 0 becomes 1 1, and 1 becomes 1 2. The order stays the same."""
    return text.replace(b"\x01", b"\x01\x02").replace(b"\x00", b"\x01\x01")


def decoded(text: bytes) -> bytes:
    """Reverse :func:`encoded`."""
    return text.replace(b"\x01\x01", b"\x00").replace(b"\x01\x02", b"\x01")


class _TextDumper(StrDumper):
    def dump(self, obj: str) -> Buffer | None:
        return encoded(obj.encode())


class _TextLoader(TextLoader):
    def load(self, data: Buffer) -> str:
        text = bytes(data)
        return (decoded(text) if b"\x01" in text else text).decode()
