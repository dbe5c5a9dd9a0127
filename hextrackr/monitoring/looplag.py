"""Measure the lag of the event loop, which delays every request."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

#: Seconds between two ticks.
TICK = 0.25


class LoopLag:
    """Sleeps for a fixed interval again and again, and reports how late it wakes up.

    :param start_task: starts a background task.
    :param sleep: waits (seconds) in the background task.
    :param observe: called with each delay in seconds.
    """

    def __init__(
        self, start_task: Callable[..., Any], sleep: Callable[[float], Any], observe: Callable[[float], None]
    ) -> None:
        self._start_task = start_task
        self._sleep = sleep
        self._observe = observe
        self._ticking = False

    def start(self) -> None:
        """Start measuring, unless already started."""
        if not self._ticking:
            self._ticking = True
            self._start_task(self._tick)

    def _tick(self) -> None:
        while True:
            due = time.monotonic() + TICK
            self._sleep(TICK)
            self._observe(max(0.0, time.monotonic() - due))
