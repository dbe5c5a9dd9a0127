"""The server that the scenarios of the protocols ask for: it echoes, and its heartbeat is fast. Run as a program.

python -m tests.server.echo PORT
"""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

import eventlet

eventlet.monkey_patch()

import engineio  # noqa: E402
import eventlet.wsgi  # noqa: E402
import socketio  # noqa: E402

from hextrackr.realtime import bounded, json_codec  # noqa: E402
from hextrackr.realtime.client_limits import CheckedPacket, SocketLimits  # noqa: E402

#: Seconds. Engine.IO tells clients whole seconds only.
HEARTBEAT = {"ping_interval": 1, "ping_timeout": 1}
LIMITS = SocketLimits(connect_seconds=1.0)


def socket_server(**options: Any) -> socketio.Server:
    """Socket.IO that sends back what it gets, in the main namespace and in ``/custom``."""
    server = socketio.Server(
        async_mode="eventlet", cors_allowed_origins="*", async_handlers=False, **HEARTBEAT, **options
    )
    for namespace in ("/", "/custom"):
        server.on("connect", partial(_greet, server, namespace), namespace=namespace)
        server.on("message", partial(_echo, server, namespace), namespace=namespace)
        server.on("message-with-ack", lambda _sid, *args: args, namespace=namespace)
    return server


class _AsSocketServer:
    """An Engine.IO server in the place of a Socket.IO server's own: whoever is there has completed its connect."""

    def __init__(self, engine: engineio.Server) -> None:
        self.eio = engine
        self.manager = self
        self.start_background_task = engine.start_background_task

    def sid_from_eio_sid(self, sid: str, _namespace: str) -> str:
        return sid

    def is_connected(self, _sid: str, _namespace: str) -> bool:
        return True


def _greet(server: socketio.Server, namespace: str, sid: str, _environ: Any, auth: Any = None) -> None:
    server.start_background_task(server.emit, "auth", auth or {}, to=sid, namespace=namespace)


def _echo(server: socketio.Server, namespace: str, sid: str, *args: Any) -> None:
    server.emit("message-back", args, to=sid, namespace=namespace)


def main(port: int) -> None:
    """Serve the stack with our limits around it; Engine.IO alone answers below ``/engine.io/``."""
    server = socket_server(serializer=CheckedPacket, json=json_codec)
    engine = engineio.Server(async_mode="eventlet", cors_allowed_origins="*", **HEARTBEAT)
    engine.on("connect", lambda _sid, _environ: None)
    engine.on("message", lambda sid, data: engine.send(sid, data))
    engine.on("disconnect", lambda _sid, _reason: None)
    app: Any = engineio.WSGIApp(engine, socketio.WSGIApp(server))
    app = bounded(app, server, LIMITS, eventlet.sleep)
    app = bounded(app, _AsSocketServer(engine), LIMITS, eventlet.sleep, path="/engine.io/")  # type: ignore[arg-type]
    eventlet.wsgi.server(eventlet.listen(("127.0.0.1", port)), app, log_output=False)


if __name__ == "__main__":
    main(int(sys.argv[1]))
