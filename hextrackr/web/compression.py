"""Compress pages and static files, in chunks, so that other requests run in between."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask_compress import Compress

if TYPE_CHECKING:
    from flask import Flask


def init_app(app: Flask) -> None:
    """Compress HTML, styles, scripts and SVG; responses of the API are small, or streams that would be slower compressed."""
    app.config["COMPRESS_MIMETYPES"] = ["text/css", "text/javascript", "image/svg+xml", "text/html"]
    Compress(app)
