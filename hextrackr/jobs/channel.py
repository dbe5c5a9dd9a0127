"""JSON lines over a socket: how the supervisor and the importer process talk.

A socket and not a pipe, because reading it is cooperative under every async mode; its end means that the other process is gone.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import orjson

Message = dict[str, Any]
#: What :meth:`Channel.messages` yields where the other end has said nothing for a while.
SILENT: Message = {"type": "silent"}


class Channel:
    """One end of the conversation."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._sending = threading.Lock()

    def send(self, message: Message) -> bool:
        """Send one message; False if the other end is gone."""
        try:
            with self._sending:
                self._end.sendall(orjson.dumps(message) + b"\n")
        except OSError:
            return False
        return True

    def messages(self, patience: float | None = None) -> Iterator[Message]:
        """Yield what the other end sends until it is gone; a line cut short by its death is dropped.

        :param patience: seconds of silence after which, each time, :data:`SILENT` is yielded.
        """
        self._end.settimeout(patience)
        rest = b""
        while True:
            try:
                received = self._end.recv(65536)
            except TimeoutError:
                yield SILENT
                continue
            except OSError:
                return
            if not received:
                return
            *lines, rest = (rest + received).split(b"\n")
            for line in lines:
                yield orjson.loads(line)

    def close(self) -> None:
        """End the conversation; the other end sees it at once."""
        self._end.close()
