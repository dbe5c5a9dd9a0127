"""Says whether a file is a backup that can be put in place of the record; reads all of it before anything is touched."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from hextrackr.errors import BackupRefused

from .copying import Report

HEADER = b"SQLite format 3\0"
_MIGRATIONS = Path(__file__).resolve().parents[1] / "migrations"
_TABLES = {"sources", "assets", "definitions", "findings", "imports", "daily_totals"}
#: SQLite's steps between two reports.
_STEPS = 1_000_000
#: Bytes that are checked in a second, about: what the report is reckoned with.
_BYTES_PER_SECOND = 200e6


def check(path: Path, report: Report) -> str:
    """Check a file, and return the revision of its tables.

    :raises BackupRefused: it is no backup of ours, is damaged, or comes from a newer version.
    """
    if not begins_like_one(path):
        raise BackupRefused("This file is no backup of HexTrackr.")
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro&immutable=1", uri=True)) as connection:
            connection.set_progress_handler(_ticking(report, path.stat().st_size), _STEPS)
            revision = _revision(connection)
            if revision not in revisions():
                raise BackupRefused("This backup was made by a newer version of HexTrackr than this one.")
            for (verdict,) in connection.execute("PRAGMA quick_check(1)"):
                if verdict != "ok":
                    raise BackupRefused("This backup is damaged.")
            if connection.execute("PRAGMA foreign_key_check").fetchone() is not None:
                raise BackupRefused("This backup is damaged: some of its rows refer to others that are not there.")
    except sqlite3.DatabaseError as error:
        raise BackupRefused("This backup is damaged.") from error
    return revision


def begins_like_one(path: Path) -> bool:
    """Whether the first bytes are those of a SQLite database."""
    with path.open("rb") as stream:
        return stream.read(len(HEADER)) == HEADER


def revisions() -> list[str]:
    """The revisions of the tables that this version knows, the oldest first."""
    return sorted(match[1] for path in _MIGRATIONS.glob("*.py") if (match := re.match(r"(\d+)_", path.name)))


def _revision(connection: sqlite3.Connection) -> str:
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not _TABLES | {"alembic_version"} <= tables:
        raise BackupRefused("This file is a database, but no backup of HexTrackr.")
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(row[0]) if row else ""


def _ticking(report: Report, size: int) -> Callable[[], int]:
    began = time.monotonic()

    def tick() -> int:
        expected = max(0.2, size / _BYTES_PER_SECOND)
        took = time.monotonic() - began
        report(took / (took + expected))  # nears the end and never says so too early
        return 0

    return tick
