"""Make empty databases with our own migrations: the schema of a backup is never used."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError

from hextrackr.db.error_mapping import error_from_exception
from hextrackr.errors import BackupRefused, HexTrackrError

from . import copying

#: The name of the file that :func:`make` creates.
DATABASE = "hextrackr.sqlite3"


def make(folder: Path, revision: str = "") -> None:
    """Create a database of a revision, or upgrade the existing one to the newest.

    :raises BackupRefused: its rows cannot be upgraded.
    :raises SQLAlchemyError: there is no space.
    """
    from hextrackr.db import migrate  # loads Alembic, which no import needs

    database = folder / DATABASE
    is_new = not database.exists()
    try:
        migrate.upgrade(URL.create("sqlite", database=str(database)).render_as_string(), revision)
    except DBAPIError as error:
        if is_new or error_from_exception(error).code != HexTrackrError.code:
            raise
        raise BackupRefused("This backup could not be upgraded to this version.") from error
    copying.close_log(database)
