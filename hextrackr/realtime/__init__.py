"""Socket.IO: the setup of the server, and the handlers of the progress protocol.

Never imports :mod:`hextrackr.ingest`: it only sends the events of the tracker.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flask import request
from flask_socketio import SocketIO
from socketio import Server

from hextrackr.auth.guard import OwnOrigins, SocketGuard
from hextrackr.extensions import socketio
from hextrackr.progress.session import MemoryStore
from hextrackr.progress.tracker import ProgressTracker

from . import handshake, json_codec
from .broadcast import FramedRooms, IndexedRooms
from .client_limits import CheckedPacket, ClientLimits, SocketLimits
from .events import ProgressEvents
from .handshake import SocketGateway, SocketRequests, WsgiApp, origin_check
from .pings import Pings
from .session_watchdog import SessionWatchdog
from .websockets import BoundedWebSockets

if TYPE_CHECKING:
    from flask import Flask

    from hextrackr.config import Config
    from hextrackr.jobs.snapshots import ImportSnapshots
    from hextrackr.progress.protocol import Snapshot
    from hextrackr.redis import Shared

__all__ = ["bounded", "init_app", "start"]

#: Called with each event that goes to a room, and its payload.
EventListener = Callable[[str, Any], None]


def init_app(app: Flask, config: Config) -> None:
    """Bind the Socket.IO server, its handlers and the progress tracker that emits through it."""
    limits = SocketLimits(sockets_per_address=config.SOCKETS_PER_ADDRESS)
    clock = SocketIOClock(socketio)
    shared = app.extensions["shared"] = _shared(config, clock)
    watchdog = app.extensions["session_watchdog"] = _watchdog(app) if shared else None
    wsgi_app: WsgiApp = app.wsgi_app
    listeners = [each.on_event for each in (app.extensions["metrics"], watchdog) if each]
    socketio.init_app(
        app,
        async_mode=config.ASYNC_MODE,
        cors_allowed_origins=origin_check(OwnOrigins(config.allowed_origins, config.ALLOWED_HOSTS)),
        json=json_codec,
        async_handlers=False,
        manage_session=False,
        always_connect=False,
        serializer=CheckedPacket,
        client_manager=_manager(config, limits.backlog, listeners, shared),
        max_http_buffer_size=limits.message_bytes,
    )
    guard = SocketGuard(app) if app.extensions["auth"].is_on else None
    ProgressEvents(socketio.server, _finder(app, joining=True), watchdog, guard)
    gateway = SocketGateway(app, socketio.server, wsgi_app)
    app.wsgi_app = bounded(gateway, socketio.server, limits, socketio.sleep)  # type: ignore[assignment, method-assign]
    # The route at which events are handled: without it each event would raise NotFound, and the error would stay in memory.
    app.add_url_rule(handshake.PATH, "sockets", build_only=False)
    app.teardown_request(_forget_route)
    app.extensions["progress_tracker"] = ProgressTracker(
        lambda event, payload, room: socketio.emit(event, payload, to=room),
        clock,
        interval_ms=config.PROGRESS_INTERVAL_MS,
        store=shared.sessions if shared else MemoryStore(),
        is_watched=_has_members if shared is None else lambda _room: True,
    )
    if shared:
        app.extensions["store_check"] = shared.check


def _forget_route(_error: BaseException | None) -> None:
    """Break the reference cycle of a request without a route, so that it is freed at once: its error holds the frames that hold it."""
    error = request.routing_exception
    if error is not None:
        error.__traceback__ = error.__context__ = error.__cause__ = None


def start(app: Flask) -> None:
    """Subscribe to the events of other processes, if there may be any, and start the watchdog; called after the server has forked."""
    watchdog: SessionWatchdog | None = app.extensions["session_watchdog"]
    if watchdog is None:
        return
    # The library would do this at the first connection, which could then miss its first events.
    socketio.server.manager_initialized = True
    socketio.server.manager.initialize()

    def watch() -> None:
        with app.app_context():
            watchdog.run(socketio.sleep)

    socketio.start_background_task(watch)


def _shared(config: Config, clock: SocketIOClock) -> Shared | None:
    if not config.REDIS_URL:
        return None
    from hextrackr.redis import Shared

    return Shared.through(config.REDIS_URL, clock, socketio.start_background_task, socketio.sleep)


def _manager(config: Config, backlog: int, listeners: list[EventListener], shared: Shared | None) -> Any:
    """Make the manager of rooms, for this process alone or for several."""

    def call_all(event: str, payload: Any) -> None:
        for listener in listeners:
            listener(event, payload)

    framed = config.FAST_BROADCAST == "on"
    on_event = call_all if listeners else None
    if shared is None:
        return (FramedRooms if framed else IndexedRooms)(backlog, on_event)
    from .message_queue import QueuedFramedRooms, QueuedRooms

    return (QueuedFramedRooms if framed else QueuedRooms)(backlog, on_event, shared)


def _finder(app: Flask, *, joining: bool = False) -> Callable[[str], Snapshot | None]:
    """Return the function that finds the snapshot of a session; ``import_snapshots`` is created after the sockets.

    :param joining: for a client that joins.
    """

    def find(session_id: str) -> Snapshot | None:
        snapshots: ImportSnapshots = app.extensions["import_snapshots"]
        return snapshots.find(session_id, joining=joining)

    return find


def _watchdog(app: Flask) -> SessionWatchdog:
    return SessionWatchdog(
        _finder(app),
        lambda event, snapshot, room: socketio.server.manager.emit(event, snapshot, "/", room, ignore_queue=True),
        _has_members,
    )


def _has_members(room: str) -> bool:
    """Whether a socket of this process is in a room."""
    return room in socketio.server.manager.rooms.get("/", {})


def bounded(
    app: WsgiApp, server: Server, limits: SocketLimits, sleep: Callable[[float], Any], path: str = handshake.PATH
) -> WsgiApp:
    """Apply our limits to a Socket.IO server and to the WSGI app that serves it; return the app to serve instead.

    :param sleep: waits (seconds) in the server's async mode.
    """
    client_limits = ClientLimits(server, limits, sleep)
    Pings(server.eio, sleep)
    websockets = BoundedWebSockets(server.eio, limits, sleep, client_limits.report)
    return SocketRequests(app, client_limits, limits, path, websockets.close)


class SocketIOClock:
    """Implements :class:`hextrackr.progress.session.Clock`; a timer is a background task of the server's async mode."""

    def __init__(self, socketio: SocketIO) -> None:
        self._socketio = socketio

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000

    def call_later(self, delay_ms: int, action: Callable[[], None]) -> None:
        def wait() -> None:
            self._socketio.sleep(delay_ms / 1000)
            action()

        self._socketio.start_background_task(wait)
