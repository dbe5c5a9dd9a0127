"""Write one finished websocket frame directly to the connections of all clients of a room.

Engine.IO needs a queue, a switch to the client's green thread and a new frame for every message to every client. Here one frame serves
all clients. A frame is written directly only if nothing else waits for that client; otherwise it goes through the client's queue, so
that the order of messages is preserved.
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
    """The rest of a partly written frame; waits in the client's queue like a packet."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def encode(self) -> Rest:
        """Encode as Engine.IO expects of a packet that it sends."""
        return self


class DirectWriter:
    """Writes frames to the connection of one websocket client.

    :param client: Engine.IO's socket of that client.
    :param connection: its socket of the operating system, which does not block.
    :param lock: held while something writes to the connection.
    """

    __slots__ = ("_client", "_connection", "_lock")

    def __init__(self, client: Any, connection: Any, lock: Any) -> None:
        self._client = client
        self._connection = connection
        self._lock = lock

    @classmethod
    def of(cls, client: Any, websocket: Any) -> DirectWriter | None:
        """Make the writer of a websocket; None unless it runs on green threads over an unencrypted connection."""
        connection: Any = getattr(getattr(websocket, "socket", None), "fd", None)
        lock = getattr(websocket, "_sendlock", None)
        encrypted = hasattr(connection, "cipher")
        if client is None or lock is None or encrypted or not hasattr(connection, "send"):
            return None
        if connection.gettimeout() != 0.0:
            return None
        return cls(client, connection, lock)

    def send(self, frame: bytes) -> bool:
        """Write a frame now; False if it has to go through the client's queue."""
        client = self._client
        if client.upgrading or not client.upgraded or client.closing or client.closed or client.queue.qsize():
            return False
        if not self._lock.acquire(blocking=False):
            return False  # another frame is being written
        try:
            written = self._connection.send(frame)
        except OSError:  # it would block, or is broken: Engine.IO will notice
            written = 0
        if 0 < written < len(frame):
            # The lock stays held, so that nothing is written between the two parts; finish() releases it.
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
