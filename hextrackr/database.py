"""Bind the database and its migrations to an app."""

from __future__ import annotations

import inspect
import logging
import sqlite3
import time
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

from alembic.util.exc import CommandError
from flask import g, has_request_context, request
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from .db import deadlines, dialects, engines, files, migrate, revisions
from .db.base import Base
from .escaping import escape_control_characters
from .extensions import alembic, db
from .paths import IS_INSTALLED, PROGRAM

if TYPE_CHECKING:
    from flask import Flask

    from hextrackr.config import Config

#: How long SQLite waits for a lock: short, as it blocks the event loop; writers try again after a sleep.
BUSY_TIMEOUT_MS = 20
#: Attempts to write SQLite's WAL back at the end of a process, as another process may be reading.
LOG_TRIES = 50
#: How long PostgreSQL waits for a lock, which does not block the event loop.
LOCK_TIMEOUT_MS = 10_000
#: Seconds that a reading request may take, however many statements it needs.
REQUEST_SECONDS = 30.0


def init_app(app: Flask, config: Config) -> None:
    """Set up the engine and the migrations."""
    config.INSTANCE_PATH.mkdir(mode=0o700, parents=True, exist_ok=True)
    files.keep_private(config.INSTANCE_PATH, files.database_file(config.database_url))
    app.config["SQLALCHEMY_ENGINES"] = {"default": _engine(config.database_url)}
    app.config["ALEMBIC"] = {"script_location": str(revisions.MIGRATIONS)}
    db.init_app(app)
    _without_async_teardown(app)
    with app.app_context():
        on_postgresql = dialects.is_postgresql(db.engine)
        engines.prepare_engine(db.engine, busy_timeout_ms=LOCK_TIMEOUT_MS if on_postgresql else BUSY_TIMEOUT_MS)
        deadlines.bound(db.engine, _seconds_left)
    app.config["ALEMBIC_CONTEXT"] = migrate.comparison_options(on_postgresql)
    alembic.metadatas = {"default": Base.metadata}
    alembic.init_app(app)


def _seconds_left() -> float | None:
    """The seconds that a statement may take: within the limit of one statement, and for reading requests that of the whole request."""
    if not has_request_context():
        return None
    if request.method not in ("GET", "HEAD"):
        return deadlines.SECONDS
    until: float = g.setdefault("until", time.monotonic() + REQUEST_SECONDS)
    return max(0.001, min(deadlines.SECONDS, until - time.monotonic()))


def _engine(url: str) -> dict[str, Any]:
    """The configuration of the web process's engine: on PostgreSQL each request reads one snapshot, as on SQLite."""
    options = dialects.engine_options(url)
    return {"url": url, **({"isolation_level": "REPEATABLE READ"} | options if options else {})}


def close(app: Flask) -> None:
    """Close the database; leave an SQLite database as a single file, which can be copied without its WAL."""
    with app.app_context():
        if not dialects.is_postgresql(db.engine):
            _checkpoint()
        db.engine.dispose()


def _checkpoint() -> None:
    # If it fails now, the next process that opens the database does it.
    with suppress(DBAPIError, sqlite3.Error), closing(db.engine.raw_connection()) as connection:
        cursor = connection.cursor()
        for _ in range(LOG_TRIES):
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            is_in_use, *_ = cursor.fetchall()[0]
            if not is_in_use:
                return
            time.sleep(BUSY_TIMEOUT_MS / 1000)


def unready(app: Flask) -> str:
    """Why a process cannot use the database, in one sentence; empty if it can."""
    alembic_log = logging.getLogger("alembic")
    level = alembic_log.level
    alembic_log.setLevel(logging.WARNING)  # it logs every check of a database
    with app.app_context():
        try:
            behind = alembic.needs_upgrade()
        except DBAPIError as error:
            return unusable(error)
        except CommandError as error:
            return unknown_revision(error)
        finally:
            alembic_log.setLevel(level)
    if not behind:
        return ""
    does = "`hextrackr serve` does" if IS_INSTALLED else "`make run` and `make worker` do"
    return f"The database is not that of this version: run `{PROGRAM} db upgrade` first ({does})."


def unknown_revision(error: BaseException) -> str:
    """The message for the operator that the database has a revision which this version does not have."""
    if "Can't locate revision" not in str(error):
        return f"The migrations cannot go on: {_first_line(error)}."
    with suppress(DBAPIError), db.engine.connect() as connection:
        found = str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar())
        if revisions.is_before_first(found):
            return (
                "The database was made before the first version whose data can be brought up to this one "
                f"(revision {revisions.known()[0]}): import the scans again into a new one."
            )
    return (
        "The database was made by a newer version of HexTrackr than this one: start that version. To go back to this one, move the "
        "database away, start on an empty one and restore the backup that was made before the upgrade."
    )


def unusable(error: BaseException) -> str:
    """The message for the operator that the database cannot be used: its URL, without the password, and the driver's error."""
    while error.__cause__ is not None:
        error = error.__cause__
    address = db.engine.url.set(query={}).render_as_string(hide_password=True)
    return f"DATABASE_URL={address} cannot be used: {_first_line(error)}."


def _first_line(error: BaseException) -> str:
    """The first line of an error, without a full stop."""
    return escape_control_characters(str(error).partition("\n")[0]).rstrip(".")


def _without_async_teardown(app: Flask) -> None:
    """Remove the extension's clean-up of asyncio sessions, of which we have none.

    It would run an asyncio loop at the end of every request, and two green threads of one system thread cannot do so at once:
    requests fail with "You cannot use AsyncToSync in the same thread as an async event loop".
    """
    app.teardown_appcontext_funcs = [
        function for function in app.teardown_appcontext_funcs if not inspect.iscoroutinefunction(function)
    ]
