"""Whether the server can do its work: the database, the store of live sessions, the disk."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

#: With less space than this for the data folder no upload is likely to end well, in bytes.
DISK_RESERVE = 64 * 1024 * 1024
OK = "ok"

Check = Callable[[], str]


def answers(checks: Mapping[str, Check]) -> dict[str, str]:
    """What each check finds: ``ok``, or what is wrong in a few words."""
    return {name: check() for name, check in checks.items()}


def database(engine: Engine) -> str:
    """Whether the database answers, and has tables of ours."""
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT version_num FROM alembic_version"))
    except SQLAlchemyError:
        return "the database cannot be read"
    return OK


def disk(folder: Path) -> str:
    """Whether uploads can be stored."""
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return "the data folder is not there"
    return OK if free >= DISK_RESERVE else "the disk is almost full"
