"""Browser-like clients of running imports, many in one thread: they join, come back when they are cut off, and ask where nothing comes."""

from __future__ import annotations

import json
import select
import threading
import time
from urllib.error import URLError
from urllib.request import urlopen

from .watchers import Watcher, connect, frames, masked

#: Seconds without a word after which a client asks, as the page does.
SILENCE = 5.0
_ENDS = (b'"status":"completed"', b'"status":"error"')


class Crowd(threading.Thread):
    """Clients, each of one of these sessions, until all have seen the end of it.

    :ivar ended: how each client learned of the end: ``event`` or ``asked``.
    :ivar reconnects: how often one had to come back.
    """

    def __init__(self, address: str, sessions: list[str], clients: int) -> None:
        super().__init__(daemon=True)
        self._address = address
        self._waiting: dict[int, tuple[Watcher, str, float]] = {}
        self._poll = select.epoll()
        self._lost: list[str] = []
        self.ended: list[str] = []
        self.reconnects = 0
        for number in range(clients):
            self._join(sessions[number % len(sessions)])

    def run(self) -> None:
        """Follow until everybody knows."""
        while self._waiting or self._lost:
            for number, _ in self._poll.poll(0.2):
                self._hear(number)
            self._ask_if_silent()
            self._come_back()

    def _join(self, session: str) -> None:
        watcher = connect(self._address, session)
        watcher.connection.setblocking(False)
        number = watcher.connection.fileno()
        self._waiting[number] = watcher, session, time.monotonic()
        self._poll.register(number, select.EPOLLIN)

    def _come_back(self) -> None:
        lost, self._lost = self._lost, []
        for session in lost:
            try:
                self._join(session)
                self.reconnects += 1
            except OSError:
                self._lost.append(session)
        if self._lost:
            time.sleep(0.1)

    def _hear(self, number: int) -> None:
        watcher, session, _ = self._waiting[number]
        try:
            data = watcher.connection.recv(65536)
        except OSError:
            data = b""
        if not data:
            self._drop(number)
            self._lost.append(session)
            return
        watcher.buffer += data
        self._waiting[number] = watcher, session, time.monotonic()
        for message in frames(watcher):
            if message == b"2":
                watcher.connection.sendall(masked("3"))
            elif any(end in message for end in _ENDS):
                self._finish(number, "event")
                return

    def _ask_if_silent(self) -> None:
        now = time.monotonic()
        for number, (watcher, session, heard) in list(self._waiting.items()):
            if now - heard > SILENCE:
                self._waiting[number] = watcher, session, now
                try:
                    with urlopen(f"http://{self._address}/api/progress/{session}", timeout=5) as answer:
                        told = json.loads(answer.read())
                except (URLError, OSError, ValueError):
                    continue
                if told["status"] in ("completed", "error"):
                    self._finish(number, "asked")

    def _finish(self, number: int, how: str) -> None:
        self._drop(number)
        self.ended.append(how)

    def _drop(self, number: int) -> None:
        watcher, _, _ = self._waiting.pop(number)
        self._poll.unregister(number)
        watcher.connection.close()
