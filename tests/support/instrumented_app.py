"""HexTrackr with two more addresses for measurements: one makes it emit updates, one tells how late its event loop is."""

from __future__ import annotations

import time
from typing import Any

from app import app  # first: it decides how the server is served

from flask import request  # isort: skip
from hextrackr.extensions import socketio
from hextrackr.progress import protocol

#: As long as an update of an import is.
FILLER = "x" * 190
TICK = 0.005

_late: list[float] = []


@app.post("/benchmark/emit")
def emit() -> dict[str, Any]:
    """Emit ``count`` updates into the room of ``session``, one every ``every`` ms."""
    session, count, every = request.args["session"], int(request.args["count"]), int(request.args["every"])
    socketio.start_background_task(_emit, protocol.room(session), session, count, every / 1000)
    return {"ok": True}


@app.post("/benchmark/ticker")
def start_ticker() -> dict[str, Any]:
    """Begin to tick, every 5 ms."""
    socketio.start_background_task(_tick)
    return {"ok": True}


@app.get("/benchmark/ticker")
def lateness() -> dict[str, list[float]]:
    """How late each tick was since this was last asked, in ms."""
    seen = _late.copy()
    _late.clear()
    return {"late": seen}


def _emit(room: str, session: str, count: int, every: float) -> None:
    begun = time.monotonic()
    for number in range(count):
        socketio.emit(protocol.UPDATE, _payload(number, session), to=room)
        socketio.sleep(max(0.0, begun + (number + 1) * every - time.monotonic()))


def _payload(number: int, session: str) -> dict[str, Any]:
    """The update; receivers look at the first two fields."""
    at = time.time_ns() // 1000
    return {"n": number, "at": at, "sessionId": session, "progress": 50.0, "status": "processing", "message": FILLER}


def _tick() -> None:
    while True:
        due = time.monotonic() + TICK
        socketio.sleep(TICK)
        _late.append((time.monotonic() - due) * 1000)
