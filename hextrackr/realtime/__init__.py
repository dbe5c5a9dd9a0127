"""Socket.IO: the handlers of the progress protocol, and how the server is set up.

Never imports :mod:`hextrackr.importing`: it passes on what the tracker says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hextrackr.extensions import socketio
from hextrackr.progress.tracker import ProgressTracker

from . import events, fastjson
from .clock import SocketIOClock
from .guard import Guard
from .handshake import SocketRequests, origin_check
from .limits import SocketLimits
from .packets import CheckedPacket
from .websockets import BoundedWebSockets

if TYPE_CHECKING:
    from flask import Flask

    from config import Config

__all__ = ["events", "init_app"]


def init_app(app: Flask, config: Config) -> None:
    """Bind the Socket.IO server and the progress tracker that emits through it.

    :mod:`.events` is imported before this: handlers registered later would be missing.
    """
    limits = SocketLimits(sockets_per_address=config.SOCKETS_PER_ADDRESS)
    socketio.init_app(
        app,
        async_mode=config.ASYNC_MODE,
        cors_allowed_origins=origin_check(config.allowed_origins),
        json=fastjson,
        async_handlers=False,
        manage_session=False,
        always_connect=False,
        serializer=CheckedPacket,
        max_http_buffer_size=limits.message_bytes,
    )
    _bound(app, limits)
    app.extensions["progress_tracker"] = ProgressTracker(
        lambda event, payload, room: socketio.emit(event, payload, to=room),
        SocketIOClock(socketio),
        interval_ms=config.PROGRESS_INTERVAL_MS,
    )


def _bound(app: Flask, limits: SocketLimits) -> None:
    """Put our limits around the server that Flask-SocketIO has made."""
    engine = socketio.server.eio
    guard = Guard(socketio.server, limits, socketio.sleep)
    # The one place where Engine.IO says which websocket it serves; it has no option for that.
    bounded = BoundedWebSockets(engine._async["websocket"], limits, socketio.sleep, guard.complain)
    engine._async = {**engine._async, "websocket": bounded}
    app.wsgi_app = SocketRequests(app.wsgi_app, guard, limits)  # type: ignore[method-assign]
