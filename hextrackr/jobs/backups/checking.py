"""Check that a file is a backup that can be restored, by reading all of it before anything is changed."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from hextrackr.db import revisions
from hextrackr.db.error_mapping import error_from_exception
from hextrackr.errors import BackupRefused, DatabaseUnavailable, HexTrackrError

from . import copying
from .copying import Report

HEADER = b"SQLite format 3\0"
#: SQLite's steps between two reports.
_STEPS = 1_000_000
#: Bytes checked in a second, roughly: for the estimate of the progress.
_BYTES_PER_SECOND = 100e6


def check(path: Path, report: Report) -> str:
    """Check a file, and return the revision of its tables.

    :raises BackupRefused: it is not a backup of HexTrackr, is damaged, or comes from a version that cannot be restored.
    """
    if not begins_like_one(path):
        raise BackupRefused("This file is not a backup of HexTrackr.")
    with refusing(), closing(copying.connected(path, "ro", immutable=True)) as connection:
        connection.set_progress_handler(ticking(report, path.stat().st_size), _STEPS)
        revision = _revision(connection)
        size, pages = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_size", "page_count"))
        if size * pages != path.stat().st_size:
            raise BackupRefused("This backup is damaged: the file is incomplete.")
        for (verdict,) in connection.execute("PRAGMA integrity_check(1)"):
            if verdict != "ok":
                raise BackupRefused("This backup is damaged.")
    return revision


def begins_like_one(path: Path) -> bool:
    """Whether the first bytes are those of a SQLite database."""
    with path.open("rb") as stream:
        return stream.read(len(HEADER)) == HEADER


def refuse_unknown(revision: str) -> None:
    """Check that tables of a revision can be upgraded to this version.

    :raises BackupRefused: they cannot.
    """
    if revision in revisions.known():
        return
    if revisions.is_before_first(revision):
        raise BackupRefused("This backup is from a version of HexTrackr that is too old to upgrade.")
    raise BackupRefused("This backup is from a newer version of HexTrackr.")


@contextmanager
def refusing() -> Iterator[None]:
    """Treat errors of SQLite as damage of the file, unless there is no space, no memory, or the disk fails.

    :raises BackupRefused: the file is damaged.
    """
    try:
        yield
    except sqlite3.Error as error:
        if error_from_exception(error).code == HexTrackrError.code or _is_of_file(error):
            raise BackupRefused("This backup is damaged.") from error
        raise
    except (UnicodeDecodeError, OverflowError) as error:
        raise BackupRefused("This backup is damaged.") from error


def _is_of_file(error: sqlite3.Error) -> bool:
    if not isinstance(error_from_exception(error), DatabaseUnavailable):
        return False
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def ticking(report: Report, size: int) -> Callable[[], int]:
    """Make a progress handler for SQLite that reports the estimated progress of work on ``size`` bytes."""
    began = time.monotonic()

    def tick() -> int:
        expected = max(0.2, size / _BYTES_PER_SECOND)
        took = time.monotonic() - began
        report(took / (took + expected))  # approaches 1 and never reaches it
        return 0

    return tick


def _revision(connection: sqlite3.Connection) -> str:
    kinds = dict(connection.execute("SELECT name, type FROM sqlite_master WHERE type IN ('table', 'view')"))
    if kinds.get("alembic_version") != "table" or kinds.get("findings") != "table":
        raise BackupRefused("This file is a database, but not a backup of HexTrackr.")
    rows = connection.execute("SELECT version_num FROM alembic_version LIMIT 2").fetchall()
    if len(rows) != 1 or not isinstance(rows[0][0], str):
        raise BackupRefused("This file is a database, but not a backup of HexTrackr.")
    refuse_unknown(rows[0][0])
    return str(rows[0][0])
