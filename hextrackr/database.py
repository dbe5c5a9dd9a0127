"""Binds the database and its migrations to an app."""

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

#: SQLite waits in C: short on an event loop; who writes tries again, without blocking.
BUSY_TIMEOUT_MS = 20
#: How often that is tried at the end of a process: somebody may be reading.
LOG_TRIES = 50
#: PostgreSQL is waited for without blocking.
LOCK_TIMEOUT_MS = 10_000
#: How long a request that reads may take, however many statements it needs.
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
    """How long a statement may take: a request waits for each so long, and for all that it reads a little longer."""
    if not has_request_context():
        return None
    if request.method not in ("GET", "HEAD"):
        return deadlines.SECONDS
    until: float = g.setdefault("until", time.monotonic() + REQUEST_SECONDS)
    return max(0.001, min(deadlines.SECONDS, until - time.monotonic()))


def _engine(url: str) -> dict[str, Any]:
    """What the engine of the web process is made of: all that a request reads is of one moment, as it is on SQLite."""
    options = dialects.engine_options(url)
    return {"url": url, **({"isolation_level": "REPEATABLE READ"} | options if options else {})}


def close(app: Flask) -> None:
    """Leave an SQLite database as one whole file at the end of a process, so that who copies it need not know of its log."""
    with app.app_context():
        if not dialects.is_postgresql(db.engine):
            _put_log_away()
        db.engine.dispose()


def _put_log_away() -> None:
    # What cannot be done now is done by whoever opens the database next.
    with suppress(DBAPIError, sqlite3.Error), closing(db.engine.raw_connection()) as connection:
        cursor = connection.cursor()
        for _ in range(LOG_TRIES):
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            is_in_use, *_ = cursor.fetchall()[0]
            if not is_in_use:
                return
            time.sleep(BUSY_TIMEOUT_MS / 1000)


def unready(app: Flask) -> str:
    """Why a process cannot begin to work on the database, in one sentence; empty if it can."""
    chatter = logging.getLogger("alembic")
    level = chatter.level
    chatter.setLevel(logging.WARNING)  # it tells of every look at a database
    with app.app_context():
        try:
            behind = alembic.needs_upgrade()
        except DBAPIError as error:
            return unusable(error)
        except CommandError as error:
            return unknown_revision(error)
        finally:
            chatter.setLevel(level)
    if not behind:
        return ""
    does = "`hextrackr serve` does" if IS_INSTALLED else "`make run` and `make worker` do"
    return f"The database is not that of this version: run `{PROGRAM} db upgrade` first ({does})."


def unknown_revision(error: BaseException) -> str:
    """One sentence for who runs the current app: its database has tables that this version does not know."""
    if "Can't locate revision" not in str(error):
        return f"The migrations cannot go on: {_first_line(error)}."
    with suppress(DBAPIError), db.engine.connect() as connection:
        found = str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar())
        if revisions.is_before_first(found):
            return (
                "The database was made before the first version whose data can be brought up to this one "
                f"(revision {revisions.known()[0]}): import the scans again into a new one."
            )
    return "The database was made by a newer version of HexTrackr than this one: start that version, or restore a backup of this one."


def unusable(error: BaseException) -> str:
    """One sentence for who runs the current app: which database it is, without its password, and what the driver says."""
    while error.__cause__ is not None:
        error = error.__cause__
    address = db.engine.url.set(query={}).render_as_string(hide_password=True)
    return f"DATABASE_URL={address} cannot be used: {_first_line(error)}."


def _first_line(error: BaseException) -> str:
    """What an error says first, without a stop."""
    return escape_control_characters(str(error).partition("\n")[0]).rstrip(".")


def _without_async_teardown(app: Flask) -> None:
    """Drop the extension's clean-up of asyncio sessions, which we have none of.

    It would run an asyncio loop at the end of every request, and two green threads of one system thread cannot do so at once:
    requests fail with "You cannot use AsyncToSync in the same thread as an async event loop".
    """
    app.teardown_appcontext_funcs = [
        function for function in app.teardown_appcontext_funcs if not inspect.iscoroutinefunction(function)
    ]
