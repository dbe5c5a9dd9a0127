"""The clock that the tracker uses in a running server."""

from __future__ import annotations

import time
from collections.abc import Callable

from flask_socketio import SocketIO


class SocketIOClock:
    """Implements :class:`hextrackr.progress.clock.Clock`; a timer is a background task of the server's async mode."""

    def __init__(self, socketio: SocketIO) -> None:
        self._socketio = socketio

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000

    def call_later(self, delay_ms: int, action: Callable[[], None]) -> None:
        def wait() -> None:
            self._socketio.sleep(delay_ms / 1000)
            action()

        self._socketio.start_background_task(wait)
