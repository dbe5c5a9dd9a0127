"""Socket.IO: the handlers of the progress protocol, and how the server is set up.

Never imports :mod:`hextrackr.importing`: it passes on what the tracker says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hextrackr.extensions import socketio
from hextrackr.progress.tracker import ProgressTracker

from . import events, fastjson
from .clock import SocketIOClock
from .handshake import DeclineCompression, origin_check

if TYPE_CHECKING:
    from flask import Flask

    from config import Config

__all__ = ["events", "init_app"]


def init_app(app: Flask, config: Config) -> None:
    """Bind the Socket.IO server and the progress tracker that emits through it.

    :mod:`.events` is imported before this: handlers registered later would be missing.
    """
    socketio.init_app(
        app,
        async_mode=config.ASYNC_MODE,
        cors_allowed_origins=origin_check(config.allowed_origins),
        json=fastjson,
        async_handlers=False,
        manage_session=False,
        always_connect=False,
        max_http_buffer_size=64 * 1024,
    )
    app.wsgi_app = DeclineCompression(app.wsgi_app)  # type: ignore[method-assign]
    app.extensions["progress_tracker"] = ProgressTracker(
        lambda event, payload, room: socketio.emit(event, payload, to=room),
        SocketIOClock(socketio),
        interval_ms=config.PROGRESS_INTERVAL_MS,
    )
