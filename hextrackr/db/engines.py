"""How databases are opened: what every connection is set to, and the engines of the importer process."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Literal

from sqlalchemy import Connection, Engine, create_engine, event

from . import dialects

Begin = Literal["DEFERRED", "IMMEDIATE"]

#: Pages of a new SQLite database: an import takes a twentieth less than with 4 kB, and with 16 kB what comes between others costs more.
PAGE_BYTES = 8192
#: How much of the database is kept in memory while DuckDB reads beside it, and once it has ended: promotion reads and writes four
#: indexes at once, and what does not fit is written and read again.
CACHE_MB, PROMOTION_CACHE_MB = 32, 128
#: How long a lock is waited for.
PATIENCE_MS = 30_000


def prepare_engine(
    engine: Engine, *, busy_timeout_ms: int, cache_mb: int = 8, begin: Begin = "DEFERRED", check_references: bool = True
) -> Engine:
    """Set up the connections of an engine; what only SQLite knows does nothing on PostgreSQL.

    :param busy_timeout_ms: how long the database itself waits for a lock. SQLite waits in C: short where an event loop runs.
    :param cache_mb: how much of the database a connection keeps in memory.
    :param check_references: look up what each new row refers to, and delete what refers to a deleted one.
    :param begin: what a transaction starts with. One that reads and then writes needs ``IMMEDIATE``, or it fails with
        SQLITE_BUSY_SNAPSHOT whatever the timeout; ``execution_options(begin="IMMEDIATE")`` says so for one connection, and
        ``execution_options(durable=True)`` that its commits must survive a power cut, not only a crash of the process.
    """
    if dialects.is_postgresql(engine):
        from . import postgresql

        postgresql.prepare(engine, lock_timeout_ms=busy_timeout_ms, imports=begin == "IMMEDIATE")
        return engine

    @event.listens_for(engine, "connect")
    def connect(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # the driver starts no transaction by itself
        connection.execute(f"PRAGMA busy_timeout = {busy_timeout_ms}")
        connection.execute(f"PRAGMA cache_size = -{cache_mb * 1024}")
        # Of a database that is only made now, and before it has a log.
        connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA foreign_keys = {check_references}")

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        options = connection.get_execution_options()
        connection.exec_driver_sql(f"PRAGMA synchronous = {'FULL' if options.get('durable') else 'NORMAL'}")
        connection.exec_driver_sql(f"BEGIN {options.get('begin', begin)}")

    return engine


@contextmanager
def opened(
    url: str, patience_ms: int = PATIENCE_MS, *, cache_mb: int = CACHE_MB, check_references: bool = True
) -> Iterator[Engine]:
    """What :func:`open_database` opens, closed afterwards."""
    engine = _kept(url, patience_ms, cache_mb, check_references)
    try:
        yield engine
    finally:
        engine.dispose()


@lru_cache(maxsize=8)
def _kept(url: str, patience_ms: int, cache_mb: int, check_references: bool) -> Engine:
    """The same for one use after the other: it opens its connections anew, and still knows its statements."""
    return open_database(url, patience_ms, cache_mb=cache_mb, check_references=check_references)


def open_database(
    url: str, patience_ms: int = PATIENCE_MS, *, cache_mb: int = CACHE_MB, check_references: bool = True
) -> Engine:
    """An engine as the importer process uses it: SQLite waits for locks in C, as this process has nothing else to do.

    :param patience_ms: how long.
    :param check_references: an import need not: what it inserts is joined with what it refers to.
    """
    return prepare_engine(
        create_engine(url, **dialects.engine_options(url)),
        busy_timeout_ms=patience_ms,
        cache_mb=cache_mb,
        begin="IMMEDIATE",
        check_references=check_references,
    )
