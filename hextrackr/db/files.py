"""The files of an SQLite database, and making files durable."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from sqlalchemy import URL, make_url


def database_file(url: str | URL) -> Path | None:
    """The file of an SQLite database; None for PostgreSQL."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        return None
    return Path(parsed.database.removeprefix("file:"))


def make_durable(*paths: Path) -> None:
    """Wait until the content of these files and folders survives a power cut."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def make_commits_durable(database: Path) -> None:
    """Wait until everything that was committed to an SQLite database in WAL mode survives a power cut.

    Unlike ``PRAGMA synchronous = FULL`` this can run without blocking the event loop. Opening and closing the WAL is safe: SQLite's locks
    are on the two other files.
    """
    with suppress(FileNotFoundError):
        make_durable(database.with_name(f"{database.name}-wal"))
    make_durable(database.parent)


def keep_private(instance: Path, database: Path | None) -> None:
    """Remove the permissions of other users from the files in the data folder, also from those of earlier versions."""
    files = [] if database is None else [database.with_name(database.name + suffix) for suffix in ("", "-wal", "-shm")]
    folders = [instance / name for name in ("uploads", "backups", "spill", "cancel", "operations")]
    for path in (*files, *folders):
        with suppress(OSError):
            if path.stat().st_mode & 0o077:
                path.chmod(path.stat().st_mode & 0o700)
