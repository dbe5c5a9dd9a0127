"""HexTrackr with further routes for measurements: to emit updates, to report operations, and to measure the lag of its event loop."""

from __future__ import annotations

import time
from typing import Any

from app import app  # first: it decides how the server is served

from flask import request  # isort: skip
from hextrackr.auth import permissions
from hextrackr.extensions import socketio
from hextrackr.progress import protocol
from hextrackr.progress.tracker import ProgressTracker

#: A text that makes an update as long as one of an import.
FILLER = "x" * 190
TICK = 0.005

permissions.ROUTES.update(dict.fromkeys(("emit", "operate", "start_ticker", "lateness"), permissions.OPEN))

_late: list[float] = []


@app.post("/benchmark/emit")
def emit() -> dict[str, Any]:
    """Emit ``count`` updates into the room of ``session``, one every ``every`` ms."""
    session, count, every = request.args["session"], int(request.args["count"]), int(request.args["every"])
    socketio.start_background_task(_emit, protocol.room(session), session, count, every / 1000)
    return {"ok": True}


@app.post("/benchmark/operation")
def operate() -> dict[str, Any]:
    """Report an operation under ``session`` through the tracker, like an import: this number of ``updates``, and its end."""
    tracker, session = app.extensions["progress_tracker"], request.args["session"]
    tracker.create_session_with_id(session, {"operation": "csv-import", "filename": "scan.csv"})
    socketio.start_background_task(_operate, tracker, session, int(request.args["updates"]))
    return {"ok": True}


def _operate(tracker: ProgressTracker, session: str, updates: int) -> None:
    for number in range(updates):
        tracker.update_progress(session, 100 * number / updates, FILLER, {"rowsRead": number})
        socketio.sleep(app.config["PROGRESS_INTERVAL_MS"] / 1000)
    tracker.complete_session(session, FILLER)


@app.post("/benchmark/ticker")
def start_ticker() -> dict[str, Any]:
    """Start ticking, every 5 ms."""
    socketio.start_background_task(_tick)
    return {"ok": True}


@app.get("/benchmark/ticker")
def lateness() -> dict[str, list[float]]:
    """The lag of each tick since the last call, in ms."""
    seen = _late.copy()
    _late.clear()
    return {"late": seen}


def _emit(room: str, session: str, count: int, every: float) -> None:
    begun = time.monotonic()
    for number in range(count):
        socketio.emit(protocol.UPDATE, _payload(number, session), to=room)
        socketio.sleep(max(0.0, begun + (number + 1) * every - time.monotonic()))


def _payload(number: int, session: str) -> dict[str, Any]:
    """The update; receivers read the first two fields."""
    at = time.time_ns() // 1000
    return {"n": number, "at": at, "sessionId": session, "progress": 50.0, "status": "processing", "message": FILLER}


def _tick() -> None:
    while True:
        due = time.monotonic() + TICK
        socketio.sleep(TICK)
        _late.append((time.monotonic() - due) * 1000)
