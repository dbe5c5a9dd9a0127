"""HexTrackr imports the exports of vulnerability scanners and shows every step live.

This package imports nothing itself, so that the importer process does not load Flask; the app factory imports what it needs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flask import Flask

    from hextrackr.config import Config

#: The version for the build, the pages, ``/health`` and ``/metrics``.
__version__ = "0.2.0"


def create_app(config: Config | None = None, offload: Callable[..., Any] | None = None) -> Flask:
    """Build the app.

    :param config: the settings; by default those of the environment, but always with threads: another ``ASYNC_MODE`` has to patch the
        process before anything is imported, which :mod:`hextrackr.serving.wsgi` does.
    :param offload: runs a short call that waits for the disk without blocking the event loop; by default calls it directly.
    """
    from flask import Flask

    from . import auth, cli, database, extensions, logs, monitoring, paths, realtime, web
    from .config import Config
    from .jobs import wiring
    from .readmodel.client import Reader
    from .serving import development

    if config is None:
        config = replace(Config.of_server(), ASYNC_MODE="threading")

    logs.set_up(config.LOG_FORMAT, config.LOG_LEVEL)
    app = Flask(__name__, template_folder=paths.RESOURCES / "templates", static_folder=paths.RESOURCES / "static")
    app.config.from_object(config)
    app.extensions["offload"] = offload or extensions.run_inline
    database.init_app(app, config)
    app.extensions["reader"] = Reader(
        config.database_url,
        config.INSTANCE_PATH / "readmodel",
        memory_limit=config.READER_MEMORY_LIMIT,
        seconds=config.READER_DEADLINE,
    )
    auth.init_app(app, config)
    monitoring.init_app(app, config)
    realtime.init_app(app, config)
    wiring.init_app(app, config)
    web.init_app(app, config)
    cli.init_app(app)
    development.init_app(app)
    return app
