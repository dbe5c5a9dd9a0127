"""Check whether the server can work: database, session store, reader process, disk."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from sqlalchemy import Engine, select, text
from sqlalchemy.exc import SQLAlchemyError

from hextrackr.db import dialects
from hextrackr.db.error_mapping import error_from_exception
from hextrackr.domain.models import Import, ImportState
from hextrackr.errors import DatabaseBusy, HexTrackrError

#: Bytes that must be free for the data folder; with less an upload is likely to fail.
DISK_RESERVE = 64 * 1024 * 1024
OK = "ok"
#: Seconds that the reader process may take to answer: it may have to be started first.
READER_PATIENCE = 5.0
#: Attempts to get SQLite's write lock, and seconds between them: one batch of an import takes less than all of them.
LOCK_TRIES, LOCK_PAUSE = 10, 0.1

Check = Callable[[], str]


def answers(checks: Mapping[str, Check]) -> dict[str, str]:
    """Run the checks; the result of each is ``ok``, or a short message that says what is wrong."""
    return {name: check() for name, check in checks.items()}


def database(
    engine: Engine, sleep: Callable[[float], None] = time.sleep, is_at_work: Callable[[], bool] = lambda: False
) -> str:
    """Check that the database answers, has our tables, and can be written to, or is being written to by this server.

    :param sleep: waits (seconds) without blocking the event loop.
    :param is_at_work: whether this server itself may hold the write lock.
    """
    try:
        with engine.connect() as connection:
            if len(connection.execute(text("SELECT version_num FROM alembic_version LIMIT 2")).all()) != 1:
                return "the database has no tables of ours"
            connection.execute(text("SELECT 1 FROM findings WHERE id = 0"))
            if dialects.is_postgresql(engine):
                return OK
    except SQLAlchemyError:
        return "the database cannot be read"
    return OK if is_at_work() else _written(engine, sleep)


def _written(engine: Engine, sleep: Callable[[float], None]) -> str:
    """Check that SQLite's write lock can be taken. A promotion of ours may hold it for as long as it takes."""
    promoting = select(Import.id).where(Import.state == ImportState.PROMOTING, Import.lease_until > 0).limit(1)
    for _ in range(LOCK_TRIES):
        try:
            with engine.execution_options(begin="IMMEDIATE").connect() as connection:
                connection.execute(text("SELECT 1"))
            return OK
        except SQLAlchemyError as error:
            if not isinstance(error_from_exception(error), DatabaseBusy):
                return "the database cannot be written to"
        with engine.connect() as connection:
            if connection.scalar(promoting) is not None:
                return OK
        sleep(LOCK_PAUSE)
    return "the database is locked by another program"


def lists(status: Callable[[float], object]) -> str:
    """Check that the reader process answers.

    :param status: asks it, and gives up after the given number of seconds.
    """
    try:
        status(READER_PATIENCE)
    except HexTrackrError as error:
        return error.detail
    return OK


def disk(folder: Path) -> str:
    """Check that uploads can be stored."""
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return "the data folder is not there"
    return OK if free >= DISK_RESERVE else "the disk is almost full"
