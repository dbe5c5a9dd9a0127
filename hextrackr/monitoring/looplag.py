"""Measure the lag of the event loop: the delay that every request has, whatever it asks for."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

#: Seconds between two ticks.
TICK = 0.25


class LoopLag:
    """Ticks at a fixed interval, and reports the delay of each tick.

    :param start_task: starts a background task in the server's async mode; ``sleep`` waits in it (seconds).
    :param observe: called with the delay of a tick in seconds.
    """

    def __init__(
        self, start_task: Callable[..., Any], sleep: Callable[[float], Any], observe: Callable[[float], None]
    ) -> None:
        self._start_task = start_task
        self._sleep = sleep
        self._observe = observe
        self._ticking = False

    def start(self) -> None:
        """Start the ticks, unless they run already."""
        if not self._ticking:
            self._ticking = True
            self._start_task(self._tick)

    def _tick(self) -> None:
        while True:
            due = time.monotonic() + TICK
            self._sleep(TICK)
            self._observe(max(0.0, time.monotonic() - due))
