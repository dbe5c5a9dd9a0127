"""Open databases: the settings of every connection, the engines of the importer process, and the files of an SQLite database."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url

from . import dialects

Begin = Literal["DEFERRED", "IMMEDIATE"]

#: The page size of a new SQLite database: an import takes 5 % less time than with 4 kB, and with 16 kB inserts between rows cost more.
PAGE_BYTES = 8192
#: SQLite's cache while DuckDB runs beside it, and afterwards: a promotion reads and writes four indexes at once, and pages that do not fit
#: are written and read again.
CACHE_MB, PROMOTION_CACHE_MB = 32, 128
#: How long to wait for a lock.
PATIENCE_MS = 30_000


def prepare_engine(
    engine: Engine, *, busy_timeout_ms: int, cache_mb: int = 8, begin: Begin = "DEFERRED", check_references: bool = True
) -> Engine:
    """Set up the connections of an engine; the options of SQLite have no effect on PostgreSQL.

    :param busy_timeout_ms: how long the database itself waits for a lock. SQLite waits in C, so it must be short beside an event loop.
    :param cache_mb: the cache of a connection.
    :param check_references: enforce foreign keys, and cascade deletes.
    :param begin: how a transaction begins. One that reads and then writes needs ``IMMEDIATE``, or it fails with SQLITE_BUSY_SNAPSHOT
        whatever the timeout; ``execution_options(begin="IMMEDIATE")`` sets it for one connection, and ``execution_options(durable=True)``
        makes its commits survive a power cut, not only a crash of the process.
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
        # Only for a new database, and before it has a WAL.
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
    """Open a database with :func:`open_database`, and close its connections afterwards."""
    engine = _cached(url, patience_ms, cache_mb, check_references)
    try:
        yield engine
    finally:
        engine.dispose()


@lru_cache(maxsize=8)
def _cached(url: str, patience_ms: int, cache_mb: int, check_references: bool) -> Engine:
    """Return the same engine each time: it opens new connections, but keeps its compiled statements."""
    return open_database(url, patience_ms, cache_mb=cache_mb, check_references=check_references)


def open_database(
    url: str, patience_ms: int = PATIENCE_MS, *, cache_mb: int = CACHE_MB, check_references: bool = True
) -> Engine:
    """Create an engine for the importer process: SQLite waits for locks in C, as this process has nothing else to do.

    :param patience_ms: how long it waits.
    :param check_references: not needed for an import, which joins the rows that it inserts with those to which they refer.
    """
    return prepare_engine(
        create_engine(url, **dialects.engine_options(url)),
        busy_timeout_ms=patience_ms,
        cache_mb=cache_mb,
        begin="IMMEDIATE",
        check_references=check_references,
    )


def database_file(url: str | URL) -> Path | None:
    """The file of an SQLite database; None for PostgreSQL."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        return None
    return Path(parsed.database.removeprefix("file:"))


def make_durable(*paths: Path) -> None:
    """Wait until the content of these files and folders survives a power cut."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def make_commits_durable(database: Path) -> None:
    """Wait until everything that was committed to an SQLite database in WAL mode survives a power cut.

    Unlike ``PRAGMA synchronous = FULL`` this can run without blocking the event loop. Opening and closing the WAL is safe: SQLite's locks
    are on the two other files.
    """
    with suppress(FileNotFoundError):
        make_durable(database.with_name(f"{database.name}-wal"))
    make_durable(database.parent)


def keep_private(instance: Path, database: Path | None) -> None:
    """Remove the permissions of other users from the files in the data folder, also from those of earlier versions."""
    files = [] if database is None else [database.with_name(database.name + suffix) for suffix in ("", "-wal", "-shm")]
    folders = [instance / name for name in ("uploads", "backups", "spill", "cancel", "operations")]
    for path in (*files, *folders):
        with suppress(OSError):
            if path.stat().st_mode & 0o077:
                path.chmod(path.stat().st_mode & 0o700)
