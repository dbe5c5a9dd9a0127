"""Websockets that take no more from a client than they must: whole messages are bounded, not only frames."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Any

from .bucket import TokenBucket
from .departure import has_left
from .limits import SocketLimits
from .packets import MalformedPacket, check_frame
from .wire import Rest, Wire

Handler = Callable[[Any], Any]


class BoundedWebSocket:
    """The websocket of one client, as Engine.IO sees it; everything but these methods is the library's.

    :param websocket: the library's; one of green threads reads when it is asked, one of threads has a thread that reads ahead.
    :param sleep: waits (seconds) without holding up other clients.
    :param complain: notes in the log what has come.
    """

    def __init__(
        self, websocket: Any, limits: SocketLimits, sleep: Callable[[float], Any], complain: Callable[[str], None]
    ) -> None:
        self._websocket = websocket
        self.wire: Wire | None = None
        self._complain = complain
        self._backlog = limits.frames_burst
        self._frames = TokenBucket(limits.frames_per_second, limits.frames_burst, time.monotonic)
        self._sleep = sleep
        self._connection = websocket.ws.sock if hasattr(websocket, "ws") else websocket.socket
        if hasattr(websocket, "Message"):
            websocket.Message = _bounded(websocket.Message, limits, self._take_turn)
        if hasattr(websocket, "ws"):
            websocket.ws.max_message_size = limits.message_bytes
            websocket.ws.ws.receive_data = self._paced(websocket.ws.ws.receive_data, limits.frame_bytes)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._websocket, name)

    def wait(self) -> str | None:
        """The next message; None when the client has left, whatever it asked before, or is sent away because of what came."""
        read_ahead = getattr(self._websocket, "ws", None)
        try:
            if read_ahead is not None and len(read_ahead.input_buffer) > self._backlog:
                raise MalformedPacket("more messages than can be read")
            message = self._websocket.wait()
            if message is None or has_left(self._connection):
                return None
            check_frame(message)
        except ValueError as error:
            self._complain(str(error))
            return None
        return message  # type: ignore[no-any-return]

    def send(self, message: Any) -> None:
        """Send a message, or the rest of one."""
        if isinstance(message, Rest) and self.wire is not None:
            self.wire.finish(self._websocket, message)
        else:
            self._websocket.send(message)

    def close(self, *args: Any) -> None:
        """Close the connection; one that is gone already is no error."""
        with suppress(OSError):
            self._websocket.close(*args)

    def _take_turn(self, turns: int = 1) -> None:
        wait = self._frames.wait(turns)
        if wait:
            self._sleep(wait)

    def _paced(self, receive: Callable[[bytes | None], None], frame_bytes: int) -> Callable[[bytes | None], None]:
        def paced(data: bytes | None) -> None:
            self._take_turn(1 + len(data or b"") // frame_bytes)
            receive(data)

        return paced


class BoundedWebSockets:
    """What Engine.IO calls to serve a websocket: the library's own, with each connection bounded.

    :param websocket_class: what the async mode brings.
    :param complain: takes an address and what came from there.
    """

    def __init__(
        self,
        websocket_class: Any,
        limits: SocketLimits,
        sleep: Callable[[float], Any],
        complain: Callable[[str, str], None],
    ) -> None:
        self._class = websocket_class
        self._limits = limits
        self._sleep = sleep
        self._complain = complain

    def __call__(self, handler: Handler, server: Any) -> Callable[..., Iterable[bytes]]:
        def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            complain = partial(self._complain, environ.get("REMOTE_ADDR", ""))

            def serve(websocket: Any) -> Any:
                bounded = BoundedWebSocket(websocket, self._limits, self._sleep, complain)
                # The handler is a method of Engine.IO's socket of this client: there the wire is looked for.
                client = getattr(handler, "__self__", None)
                bounded.wire = Wire.of(client, websocket)
                if client is not None:
                    client.wire = bounded.wire
                return handler(bounded)

            served: Iterable[bytes] = self._class(serve, server)(environ, start_response)
            return served

        return application


def _bounded(message_class: Any, limits: SocketLimits, take_turn: Callable[[], None]) -> Any:
    """A message that is put together from fragments, each of which has to wait for its turn."""

    class BoundedMessage(message_class):  # type: ignore[misc]
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self._length = 0

        def push(self, data: bytes, final: bool = False) -> None:
            take_turn()
            self._length += len(data)
            if self._length > limits.message_bytes or len(self.data) >= limits.fragments:
                raise MalformedPacket("a message that is too long")
            super().push(data, final)

    return BoundedMessage
