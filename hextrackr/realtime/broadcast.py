"""Writes a frame that is ready straight to a client's connection, where nothing else is on its way to that client.

Engine.IO takes a queue, a switch to the client's green thread and a new frame for every message to every client. One frame serves
all clients of a room; what cannot be written at once goes the usual way, so that the order of messages always holds.
"""

from __future__ import annotations

import struct
from typing import Any

_FINAL_TEXT = 0x81


def text_frame(message: str) -> bytes:
    """The websocket frame of a text message as a server sends it (RFC 6455, section 5.2)."""
    payload = message.encode()
    size = len(payload)
    if size < 126:
        return bytes((_FINAL_TEXT, size)) + payload
    if size < 1 << 16:
        return struct.pack("!BBH", _FINAL_TEXT, 126, size) + payload
    return struct.pack("!BBQ", _FINAL_TEXT, 127, size) + payload


class Rest:
    """The rest of a frame of which the connection has taken a part; waits in the client's queue like a packet."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def encode(self) -> Rest:
        """What Engine.IO asks of a packet before it sends it."""
        return self


class Broadcast:
    """The connection of one websocket client.

    :param client: Engine.IO's socket of that client.
    :param connection: its operating system's socket, which does not block.
    :param lock: held by whoever writes to the connection.
    """

    __slots__ = ("_client", "_connection", "_lock")

    def __init__(self, client: Any, connection: Any, lock: Any) -> None:
        self._client = client
        self._connection = connection
        self._lock = lock

    @classmethod
    def of(cls, client: Any, websocket: Any) -> Broadcast | None:
        """The wire of a websocket, or None if it is not one of green threads on a plain connection."""
        connection: Any = getattr(getattr(websocket, "socket", None), "fd", None)
        lock = getattr(websocket, "_sendlock", None)
        encrypted = hasattr(connection, "cipher")
        if client is None or lock is None or encrypted or not hasattr(connection, "send"):
            return None
        if connection.gettimeout() != 0.0:
            return None
        return cls(client, connection, lock)

    def send(self, frame: bytes) -> bool:
        """Write a frame now; False if it has to go the usual way."""
        client = self._client
        if client.upgrading or not client.upgraded or client.closing or client.closed or client.queue.qsize():
            return False
        if not self._lock.acquire(blocking=False):
            return False  # a frame is half written, or a control frame
        try:
            written = self._connection.send(frame)
        except OSError:  # it would block, or is broken: then the usual way finds out
            written = 0
        if 0 < written < len(frame):
            # The lock stays held, so that nothing comes between the halves; finish() lets go of it.
            client.queue.put(Rest(frame[written:]))
            return True
        self._lock.release()
        return bool(written)

    def finish(self, websocket: Any, rest: Rest) -> None:
        """Write the rest of a frame, in the client's own green thread."""
        try:
            websocket.socket.sendall(rest.data)
        finally:
            self._lock.release()
