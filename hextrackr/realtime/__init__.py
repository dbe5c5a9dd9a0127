"""Socket.IO: the handlers of the progress protocol, and how the server is set up.

Never imports :mod:`hextrackr.importing`: it passes on what the tracker says.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from socketio import Server

from hextrackr.extensions import socketio
from hextrackr.progress.tracker import ProgressTracker

from . import events, fastjson, handshake
from .clock import SocketIOClock
from .guard import Guard
from .handshake import SocketRequests, WsgiApp, origin_check
from .limits import SocketLimits
from .packets import CheckedPacket
from .rooms import FramedRooms, IndexedRooms
from .websockets import BoundedWebSockets

if TYPE_CHECKING:
    from flask import Flask

    from config import Config

__all__ = ["bounded", "events", "init_app"]


def init_app(app: Flask, config: Config) -> None:
    """Bind the Socket.IO server and the progress tracker that emits through it.

    :mod:`.events` is imported before this: handlers registered later would be missing.
    """
    limits = SocketLimits(sockets_per_address=config.SOCKETS_PER_ADDRESS)
    figures = app.extensions["figures"]
    manager = FramedRooms if config.FAST_BROADCAST == "on" else IndexedRooms
    socketio.init_app(
        app,
        async_mode=config.ASYNC_MODE,
        cors_allowed_origins=origin_check(config.allowed_origins),
        json=fastjson,
        async_handlers=False,
        manage_session=False,
        always_connect=False,
        serializer=CheckedPacket,
        client_manager=manager(limits.backlog, heard=figures.heard if figures else None),
        max_http_buffer_size=limits.message_bytes,
    )
    app.wsgi_app = bounded(app.wsgi_app, socketio.server, limits, socketio.sleep)  # type: ignore[assignment, method-assign]
    app.extensions["progress_tracker"] = ProgressTracker(
        lambda event, payload, room: socketio.emit(event, payload, to=room),
        SocketIOClock(socketio),
        interval_ms=config.PROGRESS_INTERVAL_MS,
    )


def bounded(
    app: WsgiApp, server: Server, limits: SocketLimits, sleep: Callable[[float], Any], path: str = handshake.PATH
) -> WsgiApp:
    """Put our limits around a Socket.IO server and the WSGI app that serves it; return the app to serve instead.

    :param sleep: waits (seconds) in the server's async mode.
    """
    guard = Guard(server, limits, sleep)
    # The one place where Engine.IO says which websocket it serves; it has no option for that.
    websockets = BoundedWebSockets(server.eio._async["websocket"], limits, sleep, guard.complain)
    server.eio._async = {**server.eio._async, "websocket": websockets}
    return SocketRequests(app, guard, limits, path)
