"""Transactions of a process with an event loop: short ones that write, and how long a statement may run while a client waits for it.

A transaction that waits for a lock does not block the loop.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnection
from sqlalchemy.orm import Session

from hextrackr.errors import DatabaseBusy, HexTrackrError

from . import dialects
from .dialects import is_postgresql
from .error_mapping import error_from_exception

T = TypeVar("T")

#: Seconds that a write waits for the database, and seconds between two attempts.
PATIENCE = 30.0
RETRY = 0.05


def write(engine: Engine, change: Callable[[Session], T], *, sleep: Callable[[float], None]) -> T:
    """Run a short writing transaction; nothing in it may switch to another green thread.

    :param sleep: waits between two attempts (seconds) without blocking the event loop.
    :raises DatabaseBusy: the database stayed locked.
    :raises HexTrackrError: the database cannot be written to for another reason.
    """
    engine = dialects.for_writing(engine)
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with Session(engine, expire_on_commit=False) as session, session.begin():
                return change(session)
        except (DBAPIError, NoConnection) as error:
            reason: HexTrackrError = error_from_exception(error)
            if not isinstance(reason, DatabaseBusy) or time.monotonic() > deadline:
                raise reason from error
        sleep(RETRY)


#: The limit in seconds. SQLite runs in the process of the event loop, which waits meanwhile.
STATEMENT_SECONDS = 5.0
#: Instructions after which SQLite checks the time: about a millisecond.
_INSTRUCTIONS = 50_000


class _Until:
    """The deadline of the current statement of a connection (monotonic, s)."""

    def __init__(self) -> None:
        self.monotonic = float("inf")

    def is_over(self) -> bool:
        return time.monotonic() > self.monotonic


def limit_statements(engine: Engine, left: Callable[[], float | None]) -> None:
    """Interrupt the statements of an engine that take too long.

    :param left: called for each statement; returns the seconds that it may take, or None if no client waits for it.
    """
    if is_postgresql(engine):
        _bound_transactions(engine, left)
    else:
        _bound_statements(engine, left)


def _bound_statements(engine: Engine, left: Callable[[], float | None]) -> None:
    def connected(connection: sqlite3.Connection, record: Any) -> None:
        record.info["until"] = until = _Until()
        connection.set_progress_handler(until.is_over, _INSTRUCTIONS)

    def begins(connection: Any, *_: Any) -> None:
        seconds = left()
        until = connection.connection.info["until"]
        until.monotonic = float("inf") if seconds is None else time.monotonic() + seconds

    event.listen(engine, "connect", connected)
    event.listen(engine, "before_cursor_execute", begins)
    # Commits and rollbacks are not interrupted.
    for name in ("commit", "rollback"):
        event.listen(engine, name, _released)


def _released(connection: Any) -> None:
    connection.connection.info["until"].monotonic = float("inf")


def _bound_transactions(engine: Engine, left: Callable[[], float | None]) -> None:
    """Set the timeout of PostgreSQL, which limits each statement itself, once in each transaction."""

    def begins(connection: Any) -> None:
        seconds = left()
        if seconds is not None:
            connection.exec_driver_sql(f"SET LOCAL statement_timeout = {max(1, int(seconds * 1000))}")

    event.listen(engine, "begin", begins)
