"""Websockets that take no more from a client than they must: whole messages are bounded, not only frames."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache, partial
from typing import Any

from .broadcast import Broadcast, Rest
from .limits import SocketLimits
from .packets import MalformedPacket, check_frame
from .peer_closed import has_left
from .token_bucket import TokenBucket

Handler = Callable[[Any], Any]
#: The packet of Engine.IO that says nothing.
_NOOP = "6"


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
        self.wire: Broadcast | None = None
        self._complain = complain
        self._backlog = limits.frames_burst
        self._connection = websocket.ws.sock if hasattr(websocket, "ws") else websocket.socket
        # Nothing that the library's websocket holds leads back to this one: else only the collector would free the two.
        take_turn = _worker_loop(TokenBucket(limits.frames_per_second, limits.frames_burst, time.monotonic), sleep)
        if hasattr(websocket, "Message"):
            websocket.Message = partial(_bounded(websocket.Message), limits, take_turn)
            websocket.close = partial(_close_once, self._connection, websocket.close)
        if hasattr(websocket, "ws"):
            websocket.ws.max_message_size = limits.message_bytes
            websocket.ws.ws.receive_data = _paced(websocket.ws.ws.receive_data, take_turn, limits.frame_bytes)

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
        """Send a message, or the rest of one; not the packet that ends a poll, which Engine.IO repeats here after an upgrade."""
        if isinstance(message, Rest) and self.wire is not None:
            self.wire.finish(self._websocket, message)
        elif message != _NOOP:
            self._websocket.send(message)

    def close(self, *args: Any) -> None:
        """Close the connection; one that is gone already is no error."""
        with suppress(OSError):
            self._websocket.close(*args)

    def release(self) -> None:
        """Free what the connection has held; called once nobody reads from it or writes to it any more.

        The library's generator of frames holds the websocket that holds it, and with it the whole request: 16 kB for each connection
        that would lie until the collector looks through everything. So does the way to close it once.
        """
        frames = getattr(self._websocket, "iterator", None)
        if frames is not None:
            frames.close()
            self._websocket.iterator = None
            del self._websocket.close


class BoundedWebSockets:
    """What Engine.IO calls to serve a websocket: the library's own, with each connection bounded.

    :param server: the Engine.IO server, whose async mode brings the library's own; it serves its websockets so from now on.
    :param complain: takes an address and what came from there.
    """

    def __init__(
        self,
        server: Any,
        limits: SocketLimits,
        sleep: Callable[[float], Any],
        complain: Callable[[str, str], None],
    ) -> None:
        # Engine.IO has no option for what it serves websockets with, and names it in this one place.
        self._class = server._async["websocket"]
        server._async = {**server._async, "websocket": self}
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
                bounded.wire = Broadcast.of(client, websocket)
                if client is not None:
                    client.wire = bounded.wire
                try:
                    return handler(bounded)
                finally:
                    bounded.release()
                    if client is not None:
                        client.wire = None

            served: Iterable[bytes] = self._class(serve, server)(environ, start_response)
            return served

        return application


TakeTurn = Callable[..., None]


def _close_once(connection: Any, close: Callable[..., None], *args: Any, **options: Any) -> None:
    """Close a websocket unless it is closed: Engine.IO and the library each do so at its end, and the second time is logged as an error."""
    if connection.fileno() >= 0:
        close(*args, **options)


def _worker_loop(frames: TokenBucket, sleep: Callable[[float], Any]) -> TakeTurn:
    def take_turn(turns: int = 1) -> None:
        wait = frames.wait(turns)
        if wait:
            sleep(wait)

    return take_turn


def _paced(
    receive: Callable[[bytes | None], None], take_turn: TakeTurn, frame_bytes: int
) -> Callable[[bytes | None], None]:
    def paced(data: bytes | None) -> None:
        take_turn(1 + len(data or b"") // frame_bytes)
        receive(data)

    return paced


@cache
def _bounded(message_class: Any) -> Any:
    """A message that is put together from fragments, each of which has to wait for its turn; one class for all connections."""

    class BoundedMessage(message_class):  # type: ignore[misc]
        def __init__(self, limits: SocketLimits, take_turn: TakeTurn, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self._limits = limits
            self._take_turn = take_turn
            self._length = 0

        def push(self, data: bytes, final: bool = False) -> None:
            self._take_turn()
            self._length += len(data)
            if self._length > self._limits.message_bytes or len(self.data) >= self._limits.fragments:
                raise MalformedPacket("a message that is too long")
            super().push(data, final)

    return BoundedMessage
