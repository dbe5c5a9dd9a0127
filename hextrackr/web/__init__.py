"""The blueprints, and what holds for every request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.orm import configure_mappers

from hextrackr import __version__
from hextrackr.extensions import cors

from . import (
    ahead,
    assets,
    backups,
    bodies,
    compression,
    error_handlers,
    headers,
    host_and_cve_pages,
    imports,
    mappings,
    pages,
    parameters,
    progress,
    request_security,
    sources,
    system,
    vulnerabilities,
    writers,
)
from .icons import icon
from .upload_request import ImportRequest

if TYPE_CHECKING:
    from flask import Flask

    from hextrackr.config import Config

#: Bytes of any request body but an upload's.
MAX_BODY_BYTES = 64 * 1024
#: Fields and files of one form, and the bytes of its fields; Werkzeug reads a file by pieces of a quarter of that.
MAX_FORM_PARTS = 50
MAX_FIELD_BYTES = 256 * 1024


def init_app(app: Flask, config: Config) -> None:
    """Register the blueprints and set up requests, errors and templates."""
    app.secret_key = config.secret_key()
    app.request_class = ImportRequest
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.config["MAX_FORM_PARTS"] = MAX_FORM_PARTS
    app.config["MAX_FORM_MEMORY_SIZE"] = MAX_FIELD_BYTES
    app.url_map.converters["int"] = parameters.IdConverter
    for module in (pages, imports, mappings, vulnerabilities, sources, host_and_cve_pages, backups, progress, system):
        app.register_blueprint(module.blueprint)
    cors.init_app(app, origins=list(config.CORS_ORIGINS), resources=r"/api/*")
    compression.init_app(app)
    assets.init_app(app)
    error_handlers.init_app(app)
    bodies.init_app(app)
    request_security.init_app(app, config)
    writers.init_app(app)
    headers.init_app(app)
    app.jinja_env.globals.update(icon=icon, app_version=__version__, upload_max_bytes=config.UPLOAD_MAX_BYTES)


def start(app: Flask) -> None:
    """Do what the first requests would wait for, and with them the event loop: load templates, map models, count for deep pages."""
    configure_mappers()
    for name in app.jinja_env.list_templates():
        app.jinja_env.get_template(name)
    ahead.start(app)
