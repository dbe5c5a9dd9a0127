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

from .db import Base, dialects, engines, migrate, revisions, transactions
from .escaping import escape_control_characters
from .extensions import alembic, db
from .paths import IS_INSTALLED, PROGRAM

if TYPE_CHECKING:
    from flask import Flask

    from hextrackr.config import Config

#: How long SQLite waits for a lock: short, as this blocks the event loop; writers retry after a sleep.
BUSY_TIMEOUT_MS = 20
#: Attempts to checkpoint SQLite's WAL when a process ends, as another process may be reading.
CHECKPOINT_ATTEMPTS = 50
#: How long PostgreSQL waits for a lock, which does not block the event loop.
LOCK_TIMEOUT_MS = 10_000
#: The time limit of a GET request for all of its statements, in seconds.
REQUEST_SECONDS = 30.0


def init_app(app: Flask, config: Config) -> None:
    """Set up the engine and the migrations."""
    config.INSTANCE_PATH.mkdir(mode=0o700, parents=True, exist_ok=True)
    engines.keep_private(config.INSTANCE_PATH, engines.database_file(config.database_url))
    app.config["SQLALCHEMY_ENGINES"] = {"default": _engine(config.database_url)}
    app.config["ALEMBIC"] = {"script_location": str(revisions.MIGRATIONS)}
    db.init_app(app)
    _without_async_teardown(app)
    with app.app_context():
        on_postgresql = dialects.is_postgresql(db.engine)
        engines.prepare_engine(db.engine, busy_timeout_ms=LOCK_TIMEOUT_MS if on_postgresql else BUSY_TIMEOUT_MS)
        transactions.limit_statements(db.engine, _seconds_left)
    app.config["ALEMBIC_CONTEXT"] = migrate.comparison_options(on_postgresql)
    alembic.metadatas = {"default": Base.metadata}
    alembic.init_app(app)


def _seconds_left() -> float | None:
    """Return the time limit of the next statement in seconds: for GET requests also what is left of the limit of the whole request."""
    if not has_request_context():
        return None
    if request.method not in ("GET", "HEAD"):
        return transactions.STATEMENT_SECONDS
    until: float = g.setdefault("until", time.monotonic() + REQUEST_SECONDS)
    return max(0.001, min(transactions.STATEMENT_SECONDS, until - time.monotonic()))


def _engine(url: str) -> dict[str, Any]:
    """Return the configuration of the web process's engine; on PostgreSQL each request reads one snapshot, as on SQLite."""
    options = dialects.engine_options(url)
    return {"url": url, **({"isolation_level": "REPEATABLE READ"} | options if options else {})}


def close(app: Flask) -> None:
    """Close the database. A SQLite database is left as a single file without a WAL, so that it can be copied."""
    with app.app_context():
        if not dialects.is_postgresql(db.engine):
            _checkpoint()
        db.engine.dispose()


def _checkpoint() -> None:
    # If this fails, the next process that opens the database does it.
    with suppress(DBAPIError, sqlite3.Error), closing(db.engine.raw_connection()) as connection:
        cursor = connection.cursor()
        for _ in range(CHECKPOINT_ATTEMPTS):
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            is_in_use, *_ = cursor.fetchall()[0]
            if not is_in_use:
                return
            time.sleep(BUSY_TIMEOUT_MS / 1000)


def unready(app: Flask) -> str:
    """Return a sentence that says why the database cannot be used; empty if it can."""
    alembic_log = logging.getLogger("alembic")
    level = alembic_log.level
    alembic_log.setLevel(logging.WARNING)  # it logs every check
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
    return f"The database schema is not that of this version: run `{PROGRAM} db upgrade` first ({does})."


def unknown_revision(error: BaseException) -> str:
    """Return a message for the operator that the database has a revision which this version does not have."""
    if "Can't locate revision" not in str(error):
        return f"The migration failed: {_first_line(error)}."
    with suppress(DBAPIError), db.engine.connect() as connection:
        found = str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar())
        if revisions.is_before_first(found):
            return (
                "The database is from a version that is too old to upgrade "
                f"(the first supported revision is {revisions.known()[0]}): import the scans again into a new database."
            )
    return (
        "The database is from a newer version of HexTrackr: start that version. To go back to this version, move the "
        "database away, start with an empty one and restore a backup that was made before the upgrade."
    )


def unusable(error: BaseException) -> str:
    """Return a message for the operator that the database cannot be used, with its URL (without the password) and the driver's error."""
    while error.__cause__ is not None:
        error = error.__cause__
    address = db.engine.url.set(query={}).render_as_string(hide_password=True)
    return f"DATABASE_URL={address} cannot be used: {_first_line(error)}."


def _first_line(error: BaseException) -> str:
    """Return the first line of an error, without a full stop."""
    return escape_control_characters(str(error).partition("\n")[0]).rstrip(".")


def _without_async_teardown(app: Flask) -> None:
    """Remove the extension's clean-up of asyncio sessions, which we do not use.

    It runs an asyncio loop at the end of every request, which two green threads of one system thread cannot do at the same time: requests
    would fail with "You cannot use AsyncToSync in the same thread as an async event loop".
    """
    app.teardown_appcontext_funcs = [
        function for function in app.teardown_appcontext_funcs if not inspect.iscoroutinefunction(function)
    ]
