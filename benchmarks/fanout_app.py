"""HexTrackr with one more address, for :mod:`.fanout`: it emits a progress update again and again, and times nothing itself."""

from __future__ import annotations

import time
from typing import Any

from app import app  # first: it decides how the server is served

from flask import request  # isort: skip
from hextrackr.extensions import socketio
from hextrackr.progress import protocol

#: As long as an update of an import is.
FILLER = "x" * 190


@app.post("/benchmark/emit")
def emit() -> dict[str, Any]:
    """Emit ``count`` updates into the room of ``session``, one every ``every`` ms."""
    session, count, every = request.args["session"], int(request.args["count"]), int(request.args["every"])
    socketio.start_background_task(_emit, protocol.room(session), session, count, every / 1000)
    return {"ok": True}


def _emit(room: str, session: str, count: int, every: float) -> None:
    begun = time.monotonic()
    for number in range(count):
        socketio.emit(protocol.UPDATE, payload(number, session), to=room)
        socketio.sleep(max(0.0, begun + (number + 1) * every - time.monotonic()))


def payload(number: int, session: str) -> dict[str, Any]:
    """The update; receivers look at the first two fields."""
    at = time.time_ns() // 1000
    return {"n": number, "at": at, "sessionId": session, "progress": 50.0, "status": "processing", "message": FILLER}
