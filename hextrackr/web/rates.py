"""Counts the requests of each client by a clock that nobody sets."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask_limiter import Limiter
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter

#: Counters that have run out are dropped once there are so many.
MANY = 1_000


@dataclass
class _Window:
    """How many requests there were, and when (monotonic, s) they are forgotten."""

    ends: float
    count: int = 0


class SteadyStorage(Storage):
    """What the library "limits" counts in, for fixed windows; its own goes by the wall clock, and refuses everything for an hour when
    that is set back by one.
    """

    STORAGE_SCHEME = ["steady"]

    def __init__(self, uri: str | None = None, clock: Callable[[], float] | None = None, **options: Any) -> None:
        super().__init__(uri, **options)
        self._clock = clock or time.monotonic
        self._lock = threading.Lock()
        self._windows: dict[str, _Window] = {}

    @property
    def base_exceptions(self) -> type[Exception]:
        return ValueError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count so many more requests within a window of so many seconds, and return how many there are."""
        with self._lock:
            window = self._current(key)
            if window is None:
                if len(self._windows) >= MANY:
                    self._drop_old()
                window = self._windows[key] = _Window(self._clock() + expiry)
            window.count += amount
            return window.count

    def get(self, key: str) -> int:
        """How many requests there were in the present window."""
        with self._lock:
            window = self._current(key)
            return window.count if window else 0

    def get_expiry(self, key: str) -> float:
        """When the present window ends, in seconds since the epoch: the headers of an answer tell it."""
        with self._lock:
            window = self._current(key)
            return time.time() + (window.ends - self._clock() if window else 0)

    def check(self) -> bool:
        """Whether it can be counted."""
        return True

    def reset(self) -> int:
        """Forget everything, and return how many windows that were."""
        with self._lock:
            count = len(self._windows)
            self._windows.clear()
            return count

    def clear(self, key: str) -> None:
        """Forget one window."""
        with self._lock:
            self._windows.pop(key, None)

    def _current(self, key: str) -> _Window | None:
        window = self._windows.get(key)
        if window is not None and window.ends <= self._clock():
            del self._windows[key]
            return None
        return window

    def _drop_old(self) -> None:
        now = self._clock()
        for key in [key for key, window in self._windows.items() if window.ends <= now]:
            del self._windows[key]


def count_steadily_without_redis(limiter: Limiter) -> None:
    """Count by a steady clock as well while Redis is away; the library has no option for what it counts in then."""
    limiter._fallback_limiter = FixedWindowRateLimiter(SteadyStorage())
