"""How the server is reached: what a proxy in between changes, and which setting is missing."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, current_app, render_template, request

from hextrackr.auth import connection
from hextrackr.errors import RequestError
from hextrackr.extensions import socketio

blueprint = Blueprint("connection", __name__)

#: Bytes of the body with which a client tries whether one arrives, and of a piece that is read of it.
_MOST, _PIECE = 4 * 1024 * 1024, 64 * 1024


@blueprint.get("/connection")
def page() -> str:
    """Look at it."""
    return render_template("connection.html")


@blueprint.get("/api/connection")
def checks() -> dict[str, Any]:
    """Answer what was seen of this request, against the origin that ``page`` says."""
    origin = request.args.get("page", "")[:300]
    try:
        is_origin = urlsplit(origin).scheme in ("http", "https") and bool(urlsplit(origin).hostname)
    except ValueError:
        is_origin = False
    if not is_origin:
        raise RequestError("page must be the origin of a page, such as https://scans.example.org.")
    seen = connection.seen_in(request.environ, current_app.config)
    return {"data": [check.told() for check in connection.checks(seen, origin)], "lines": connection.LINES}


@blueprint.post("/api/connection/upload")
def receive() -> dict[str, Any]:
    """Take a body and answer how long it was: whether a proxy lets one of that size through."""
    request.max_content_length = _MOST
    received = 0
    while piece := request.stream.read(_PIECE):
        received += len(piece)
        socketio.sleep(0)
    return {"received": received}
