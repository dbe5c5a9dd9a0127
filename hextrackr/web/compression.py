"""Sends the pages and their own files compressed, piece by piece, so that no request waits for another's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask_compress import Compress

if TYPE_CHECKING:
    from flask import Flask


def init_app(app: Flask) -> None:
    """Compress styles, scripts and drawings; the answers of the API are small, or streams as fast as they are made."""
    app.config["COMPRESS_MIMETYPES"] = ["text/css", "text/javascript", "image/svg+xml", "text/html"]
    Compress(app)
