"""Websockets with limits on what a client may send: on whole messages, not only on frames.

A client that has closed its connection is noticed even while data that it sent before is still unread.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache, partial
from typing import Any

from .broadcast import DirectWriter, Rest
from .client_limits import MalformedPacket, SocketLimits, TokenBucket, check_frame

#: Linux, ``include/net/tcp_states.h``: TCP_CLOSE and TCP_CLOSE_WAIT: the other end is gone, or will send nothing more.
_LEFT = {7, 8}


def has_left(connection: Any) -> bool:
    """Whether the other end of a TCP connection has closed it; reading would show that only after all data that it has sent.

    :param connection: the socket, green or not.
    :return: False also if it is not TCP, or the system does not report the state.
    """
    try:
        state: bytes = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)  # the first byte is the state
    except (AttributeError, OSError):
        return False
    return state[0] in _LEFT


def hold_back(connection: Any, held: bool) -> bool:
    """Make the system collect what is sent, for 200 ms at most, or send it; return whether it can.

    Answering the request for a websocket together with the first packet takes a connect a fifth less of the processor.
    """
    option = getattr(socket, "TCP_CORK", None)
    try:
        connection.setsockopt(socket.IPPROTO_TCP, option, held)
    except (AttributeError, OSError, TypeError):
        return False
    return True


Handler = Callable[[Any], Any]
#: The empty packet of Engine.IO.
_NOOP = "6"


class BoundedWebSocket:
    """The websocket of one client, as Engine.IO uses it; everything but these methods is the library's.

    :param websocket: the library's; one for green threads reads on demand, one for threads has a thread that reads ahead.
    :param sleep: waits (seconds) without delaying other clients.
    :param report: logs what the client has sent.
    """

    def __init__(
        self, websocket: Any, limits: SocketLimits, sleep: Callable[[float], Any], report: Callable[[str], None]
    ) -> None:
        self._websocket = websocket
        self.direct_writer: DirectWriter | None = None
        self._report = report
        self._backlog = limits.frames_burst
        self._connection = websocket.ws.sock if hasattr(websocket, "ws") else websocket.socket
        self.is_held = False
        # The library's websocket must not refer back to this object: only the garbage collector could free such a cycle.
        throttle = _throttle(TokenBucket(limits.frames_per_second, limits.frames_burst, time.monotonic), sleep)
        if hasattr(websocket, "Message"):
            websocket.Message = partial(_bounded(websocket.Message), limits, throttle)
            websocket.close = partial(_close_once, self._connection, websocket.close)
        if hasattr(websocket, "ws"):
            websocket.ws.max_message_size = limits.message_bytes
            websocket.ws.ws.receive_data = _throttled(websocket.ws.ws.receive_data, throttle, limits.frame_bytes)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._websocket, name)

    def wait(self) -> str | None:
        """Wait for the next message; None if the client has disconnected, even with messages unread, or has violated a limit."""
        read_ahead = getattr(self._websocket, "ws", None)
        try:
            if read_ahead is not None and len(read_ahead.input_buffer) > self._backlog:
                raise MalformedPacket("more messages than can be read")
            message = self._websocket.wait()
            if message is None or has_left(self._connection):
                return None
            check_frame(message)
        except ValueError as error:
            self._report(str(error))
            return None
        return message  # type: ignore[no-any-return]

    def send(self, message: Any) -> None:
        """Send a message, or the rest of one. Skip the packet that ends a poll, which Engine.IO repeats here after an upgrade."""
        if isinstance(message, Rest) and self.direct_writer is not None:
            self.direct_writer.finish(self._websocket, message)
        elif message != _NOOP:
            self._websocket.send(message)
            if self.is_held:
                self.is_held = False
                hold_back(self._connection, False)

    def close(self, *args: Any) -> None:
        """Close the connection; one that is already closed is no error."""
        with suppress(OSError):
            self._websocket.close(*args)

    def release(self) -> None:
        """Free the memory of the connection; called when nothing reads from it or writes to it any more.

        The library's generator of frames and our ``close`` refer to the websocket that refers to them. Such cycles keep the whole
        request, 16 kB for each connection, in memory until the garbage collector runs.
        """
        frames = getattr(self._websocket, "iterator", None)
        if frames is not None:
            frames.close()
            self._websocket.iterator = None
            del self._websocket.close


class BoundedWebSockets:
    """Replaces the class with which Engine.IO serves websockets by one that limits each connection.

    :param server: the Engine.IO server.
    :param report: called with a client's address, and with what the client has sent.
    """

    def __init__(
        self,
        server: Any,
        limits: SocketLimits,
        sleep: Callable[[float], Any],
        report: Callable[[str, str], None],
    ) -> None:
        # Engine.IO has no option for its websocket class, but reads it from this one place.
        self._class = server._async["websocket"]
        self._server = server
        server._async = {**server._async, "websocket": self}
        self._limits = limits
        self._sleep = sleep
        self._report = report

    def __call__(self, handler: Handler, server: Any) -> Callable[..., Iterable[bytes]]:
        def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            report = partial(self._report, environ.get("REMOTE_ADDR", ""))
            # The handler is a method of Engine.IO's socket of this client, which is new if its first packet follows at once.
            client = getattr(handler, "__self__", None)
            is_new = client is not None and not client.connected
            is_held = is_new and hold_back(environ.get("gunicorn.socket"), True)

            def serve(websocket: Any) -> Any:
                bounded = BoundedWebSocket(websocket, self._limits, self._sleep, report)
                bounded.is_held = is_held
                # Rooms look for the writer on the client's socket.
                bounded.direct_writer = DirectWriter.of(client, websocket)
                if client is not None:
                    client.direct_writer = bounded.direct_writer
                try:
                    return handler(bounded)
                finally:
                    bounded.release()
                    if client is not None:
                        client.direct_writer = None

            served: Iterable[bytes] = self._class(serve, server)(environ, start_response)
            return served

        return application

    def close(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Open a websocket, and close it before it receives anything."""
        served: Iterable[bytes] = self._class(lambda websocket: websocket.close(), self._server)(
            environ, start_response
        )
        return served


Throttle = Callable[..., None]


def _close_once(connection: Any, close: Callable[..., None], *args: Any, **options: Any) -> None:
    """Close a websocket unless it is closed: Engine.IO and the library both do, and the second close would be logged as an error."""
    if connection.fileno() >= 0:
        close(*args, **options)


def _throttle(frames: TokenBucket, sleep: Callable[[float], Any]) -> Throttle:
    """Return a function that waits until the bucket allows a number of frames."""

    def throttle(count: int = 1) -> None:
        wait = frames.wait(count)
        if wait:
            sleep(wait)

    return throttle


def _throttled(
    receive: Callable[[bytes | None], None], throttle: Throttle, frame_bytes: int
) -> Callable[[bytes | None], None]:
    def receive_throttled(data: bytes | None) -> None:
        throttle(1 + len(data or b"") // frame_bytes)
        receive(data)

    return receive_throttled


@cache
def _bounded(message_class: Any) -> Any:
    """Make the class of messages with limited size, fragments and frame rate; one class for all connections."""

    class BoundedMessage(message_class):  # type: ignore[misc]
        def __init__(self, limits: SocketLimits, throttle: Throttle, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self._limits = limits
            self._throttle = throttle
            self._length = 0

        def push(self, data: bytes, final: bool = False) -> None:
            self._throttle()
            self._length += len(data)
            if self._length > self._limits.message_bytes or len(self.data) >= self._limits.fragments:
                raise MalformedPacket("a message that is too long")
            super().push(data, final)

    return BoundedMessage
