"""The development server, ``flask run``."""

from __future__ import annotations

import atexit
from typing import TYPE_CHECKING

import click
from flask.cli import run_command
from flask.helpers import get_debug_flag
from werkzeug.serving import is_running_from_reloader

from hextrackr import database, realtime, web
from hextrackr.jobs import wiring

if TYPE_CHECKING:
    from flask import Flask


def init_app(app: Flask) -> None:
    """Start the background tasks if this process is ``flask run``; gunicorn starts them in a hook after forking."""
    if _will_serve():
        start(app)


def _will_serve() -> bool:
    """Return whether this process is ``flask run``, but not the reloader's parent process, which only watches files."""
    context = click.get_current_context(silent=True)
    if context is None or context.command is not run_command:
        return False
    reload = context.params["reload"]
    return is_running_from_reloader() or not (get_debug_flag() if reload is None else reload)


def start(app: Flask) -> None:
    """Start what a gunicorn worker starts, and stop it when the process ends."""
    if why := database.unready(app):
        raise SystemExit(why)
    web.start(app)
    realtime.start(app)
    wiring.start(app)
    atexit.register(_stop, app)


def _stop(app: Flask) -> None:
    wiring.stop(app)
    database.close(app)
