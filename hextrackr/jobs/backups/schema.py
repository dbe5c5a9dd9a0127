"""Empty databases with our own tables, made by our migrations: nothing of a backup's schema is ever taken over."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError

from hextrackr.db.error_mapping import error_from_exception
from hextrackr.errors import BackupRefused, HexTrackrError

from . import copying

#: What :func:`make` makes, in its folder.
DATABASE = "hextrackr.sqlite3"


def make(folder: Path, revision: str = "") -> None:
    """Make a database of a revision, or bring the one that is there up to the newest.

    :raises BackupRefused: what it holds is in the way.
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
        raise BackupRefused("This backup could not be brought up to this version.") from error
    # Without a log beside it, so that the file alone is the database.
    copying.close_log(database)
