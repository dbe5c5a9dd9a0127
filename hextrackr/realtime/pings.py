"""Pings the clients of an Engine.IO server: one task for all of them.

Engine.IO starts a task for each ping of each client. It sleeps for 25 s and holds all of its client meanwhile, also of one that has
left: 16 kB each, 100 MB where 250 of them come and go in a second.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import engineio.base_socket
import engineio.socket
from engineio import exceptions, packet


class Pings:
    """Sends each client its ping when it is due.

    :param server: of Engine.IO; its sockets ask for their pings here from now on.
    :param sleep: waits (seconds) without holding up other clients.
    """

    def __init__(self, server: Any, sleep: Callable[[float], Any], clock: Callable[[], float] = time.monotonic) -> None:
        self._server = server
        self._sleep = sleep
        self._clock = clock
        self._due: deque[tuple[float, weakref.ref[Any]]] = deque()
        self._sending = False
        self._lock = threading.Lock()
        self._start = server.start_background_task
        server.start_background_task = self._start_task
        _measure_steadily()

    def add(self, socket: Any) -> None:
        """Send a client a ping once the interval is over; all have the same, so they are due in this order."""
        with self._lock:
            self._due.append((self._clock() + self._server.ping_interval, weakref.ref(socket)))
            begins, self._sending = not self._sending, True
        if begins:
            self._start(self._send)

    def send_due(self) -> float:
        """Send what is due, and return the seconds until the next one."""
        while self._due:
            due, known = self._due[0]
            wait = due - self._clock()
            if wait > 0:
                return wait
            self._due.popleft()
            socket = known()
            if socket is not None and not socket.closing and not socket.closed:
                _ping(socket)
        return self._server.ping_interval  # type: ignore[no-any-return]

    def _start_task(self, target: Callable[..., Any], *args: Any, **options: Any) -> Any:
        if getattr(target, "__func__", None) is engineio.socket.Socket._send_ping:
            return self.add(target.__self__)  # type: ignore[attr-defined]
        return self._start(target, *args, **options)

    def _send(self) -> None:
        while self._goes_on():
            self._sleep(self.send_due())

    def _goes_on(self) -> bool:
        with self._lock:
            self._sending = bool(self._due)
        return self._sending


def _ping(socket: Any) -> None:
    socket.last_ping = engineio.socket.time.time()
    try:
        socket.send(packet.Packet(packet.PING))
    except exceptions.SocketIsClosedError:
        pass  # it has left in this instant


def _measure_steadily() -> None:
    """Let Engine.IO measure how long an answer takes by a clock that nobody sets: else all clients are gone when it is set forward."""
    engineio.socket.time = engineio.base_socket.time = SimpleNamespace(time=time.monotonic)
