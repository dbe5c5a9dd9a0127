"""Check the connection between browser and server: what a proxy in between changes, and which setting is missing."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, current_app, render_template, request

from hextrackr.auth import connection
from hextrackr.errors import RequestError
from hextrackr.extensions import socketio

blueprint = Blueprint("connection", __name__)

#: The maximum size of the body with which a client tests an upload, and of a chunk that is read of it.
_MAX_BYTES, _CHUNK = 4 * 1024 * 1024, 64 * 1024


@blueprint.get("/connection")
def page() -> str:
    """Show the checks."""
    return render_template("connection.html")


@blueprint.get("/api/connection")
def checks() -> dict[str, Any]:
    """Compare this request as the server sees it with the origin in the parameter ``page``."""
    origin = request.args.get("page", "")[:300]
    try:
        is_origin = urlsplit(origin).scheme in ("http", "https") and bool(urlsplit(origin).hostname)
    except ValueError:
        is_origin = False
    if not is_origin:
        raise RequestError("page must be an origin, such as https://scans.example.org.")
    seen = connection.seen_in(request.environ, current_app.config)
    return {"data": [check.as_json() for check in connection.checks(seen, origin)], "lines": connection.LINES}


@blueprint.post("/api/connection/upload")
def receive() -> dict[str, Any]:
    """Read a body and answer its length, to test whether a proxy accepts uploads of this size."""
    request.max_content_length = _MAX_BYTES
    received = 0
    while chunk := request.stream.read(_CHUNK):
        received += len(chunk)
        socketio.sleep(0)
    return {"received": received}
