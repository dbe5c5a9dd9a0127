"""Whether the server can do its work: the database, the store of live sessions, the disk."""

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

#: With less space than this for the data folder no upload is likely to end well, in bytes.
DISK_RESERVE = 64 * 1024 * 1024
OK = "ok"
#: How long the process that answers lists may take to say that it does, in seconds: it may have to be started.
READER_PATIENCE = 5.0
#: How often another program's lock is met before that is told, and seconds in between: one import's batch takes less.
LOCK_TRIES, LOCK_PAUSE = 10, 0.1

Check = Callable[[], str]


def answers(checks: Mapping[str, Check]) -> dict[str, str]:
    """What each check finds: ``ok``, or what is wrong in a few words."""
    return {name: check() for name, check in checks.items()}


def database(
    engine: Engine, sleep: Callable[[float], None] = time.sleep, is_at_work: Callable[[], bool] = lambda: False
) -> str:
    """Whether the database answers, has tables of ours, and can be written to, or is being written to by us.

    :param sleep: waits (seconds) without blocking the event loop.
    :param is_at_work: whether this server itself may hold the lock.
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
    """Whether SQLite's lock on writing is to be had. A promotion of ours holds it for as long as it takes."""
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
    """Whether lists are answered.

    :param status: asks the process that does so, and gives up after so many seconds.
    """
    try:
        status(READER_PATIENCE)
    except HexTrackrError as error:
        return error.detail
    return OK


def disk(folder: Path) -> str:
    """Whether uploads can be stored."""
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return "the data folder is not there"
    return OK if free >= DISK_RESERVE else "the disk is almost full"
