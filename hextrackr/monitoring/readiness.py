"""The checks of ``/ready``: database, session store, reader process, disk."""

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

#: The minimum free disk space in bytes; with less an upload is likely to fail.
DISK_RESERVE = 64 * 1024 * 1024
OK = "ok"
#: Seconds to wait for the reader process, which may have to be started first.
READER_TIMEOUT = 5.0
#: Attempts to get SQLite's write lock, and seconds between them; together longer than one batch of an import.
LOCK_ATTEMPTS, LOCK_PAUSE = 10, 0.1

Check = Callable[[], str]


def run(checks: Mapping[str, Check]) -> dict[str, str]:
    """Run the checks; each result is ``ok`` or a short error message."""
    return {name: check() for name, check in checks.items()}


def database(
    engine: Engine, sleep: Callable[[float], None] = time.sleep, is_at_work: Callable[[], bool] = lambda: False
) -> str:
    """Check that the database is available, has our tables, and is writable.

    :param sleep: waits (seconds) without blocking the event loop.
    :param is_at_work: returns whether this server is importing, and so may hold the write lock itself.
    """
    try:
        with engine.connect() as connection:
            if len(connection.execute(text("SELECT version_num FROM alembic_version LIMIT 2")).all()) != 1:
                return "the database has no HexTrackr tables"
            connection.execute(text("SELECT 1 FROM findings WHERE id = 0"))
            if dialects.is_postgresql(engine):
                return OK
    except SQLAlchemyError:
        return "the database cannot be read"
    return OK if is_at_work() else _writable(engine, sleep)


def _writable(engine: Engine, sleep: Callable[[float], None]) -> str:
    """Check that SQLite's write lock can be acquired, or is held by a promotion, which may take long."""
    promoting = select(Import.id).where(Import.state == ImportState.PROMOTING, Import.lease_until > 0).limit(1)
    for _ in range(LOCK_ATTEMPTS):
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
    """Check that the reader process responds.

    :param status: asks the reader process, with a timeout in seconds.
    """
    try:
        status(READER_TIMEOUT)
    except HexTrackrError as error:
        return error.detail
    return OK


def disk(folder: Path) -> str:
    """Check that uploads can be stored."""
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return "the data folder does not exist"
    return OK if free >= DISK_RESERVE else "the disk is almost full"
