"""Frames over a socket: a head in JSON and a body of bytes, which the web process passes on without parsing.

A socket and not a pipe, because reading it is cooperative under every async mode; its end means that the other process is gone.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from typing import Any

import orjson

Head = dict[str, Any]
#: The name of the question about the state of the copy itself.
STATUS = "_status"
#: The name of the message that nobody waits any more for the answer to the question with its id.
UNWANTED = "_unwanted"
_LENGTHS = struct.Struct("!II")


class Pipe:
    """One end of the connection."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._sending = threading.Lock()

    def send(self, head: Head, body: bytes = b"") -> bool:
        """Send one frame; False if the other end is gone."""
        encoded = orjson.dumps(head)
        frame = b"".join((_LENGTHS.pack(len(encoded), len(body)), encoded, body))
        try:
            with self._sending:
                self._end.sendall(frame)
        except OSError:
            return False
        return True

    def frames(self) -> Iterator[tuple[Head, bytes]]:
        """Yield the frames of the other end until it is gone; an incomplete last frame is dropped."""
        try:
            while True:
                head_length, body_length = _LENGTHS.unpack(self._read(_LENGTHS.size))
                head = orjson.loads(self._read(head_length))
                yield head, self._read(body_length)
        except (EOFError, OSError):
            return

    def _read(self, length: int) -> bytes:
        """Read exactly this number of bytes.

        :raises EOFError: the other end is gone.
        """
        parts = []
        while length:
            part = self._end.recv(min(length, 1 << 20))
            if not part:
                raise EOFError
            parts.append(part)
            length -= len(part)
        return b"".join(parts)

    def close(self) -> None:
        """Close the connection; both ends notice at once."""
        try:
            self._end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._end.close()
