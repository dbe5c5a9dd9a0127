"""The blueprints, and the hooks that run for every request."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from sqlalchemy.orm import configure_mappers

from hextrackr import __version__, auth
from hextrackr.auth import guard
from hextrackr.errors import HexTrackrError
from hextrackr.extensions import cors, socketio

from . import (
    account,
    assets,
    audit,
    backups,
    connection,
    error_handlers,
    imports,
    mappings,
    pages,
    progress,
    request_security,
    sources,
    system,
    trends,
    users,
    vulnerabilities,
)
from .assets import icon
from .request_security import IdConverter
from .uploads import ImportRequest

if TYPE_CHECKING:
    from flask import Flask

    from hextrackr.config import Config
    from hextrackr.readmodel.client import Reader

log = logging.getLogger(__name__)

#: The maximum size of a request body, except for uploads.
MAX_BODY_BYTES = 64 * 1024
#: The maximum number of fields and files of a form, and of bytes in its fields; Werkzeug reads files in chunks of a quarter of that.
MAX_FORM_PARTS = 50
MAX_FIELD_BYTES = 256 * 1024


def init_app(app: Flask, config: Config) -> None:
    """Register the blueprints and set up requests, errors and templates."""
    app.secret_key = config.secret_key()
    app.request_class = ImportRequest
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.config["MAX_FORM_PARTS"] = MAX_FORM_PARTS
    app.config["MAX_FORM_MEMORY_SIZE"] = MAX_FIELD_BYTES
    app.url_map.converters["int"] = IdConverter
    for module in (
        pages,
        imports,
        mappings,
        vulnerabilities,
        sources,
        trends,
        backups,
        progress,
        system,
        account,
        users,
        audit,
        connection,
    ):
        app.register_blueprint(module.blueprint)
    cors.init_app(app, origins=list(config.CORS_ORIGINS), resources=r"/api/*")
    assets.compress(app)
    assets.init_app(app)
    error_handlers.init_app(app)
    pages.init_app(app)
    request_security.check_bodies(app)
    request_security.init_app(app, config)
    guard.init_app(app)
    request_security.hold_for_writers(app)
    request_security.add_headers(app)
    app.jinja_env.globals.update(icon=icon, app_version=__version__, upload_max_bytes=config.UPLOAD_MAX_BYTES)


def start(app: Flask) -> None:
    """Load templates, map models and make the read model when the server starts, so that the first requests do not block the event loop."""
    configure_mappers()
    auth.start(app)
    for name in app.jinja_env.list_templates():
        app.jinja_env.get_template(name)
    socketio.start_background_task(_make_copy, app.extensions["reader"])


def _make_copy(reader: Reader) -> None:
    try:
        reader.refresh()
    except HexTrackrError as error:
        log.warning("The lists are not ready yet: %s", error.detail)
