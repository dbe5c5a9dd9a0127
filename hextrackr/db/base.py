"""The declarative base, and what every connection is set to."""

from __future__ import annotations

import sqlite3
from typing import Any, Literal

from sqlalchemy import Engine, MetaData, event
from sqlalchemy.engine import Connection
from sqlalchemy.orm import DeclarativeBase

from .dialects import is_postgresql

Begin = Literal["DEFERRED", "IMMEDIATE"]

#: Pages of a new SQLite database: an import takes a twentieth less than with 4 kB, and with 16 kB what comes between others costs more.
PAGE_BYTES = 8192


class Base(DeclarativeBase):
    """All models; constraint names are fixed so that migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


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
    if is_postgresql(engine):
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
