"""Storage of the rate limits that uses a monotonic clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask_limiter import Limiter
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter

#: The number of counters at which expired ones are dropped.
MANY = 1_000


@dataclass
class _Window:
    """The number of requests in a window, and when it ends (monotonic, s)."""

    ends: float
    count: int = 0


class MonotonicStorage(Storage):
    """A storage for fixed windows of the library "limits".

    The library's own storage uses the wall clock, and would refuse all requests for an hour if that is set back by an hour.
    """

    STORAGE_SCHEME = ["monotonic"]

    def __init__(self, uri: str | None = None, clock: Callable[[], float] | None = None, **options: Any) -> None:
        super().__init__(uri, **options)
        self._clock = clock or time.monotonic
        self._lock = threading.Lock()
        self._windows: dict[str, _Window] = {}

    @property
    def base_exceptions(self) -> type[Exception]:
        return ValueError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Add ``amount`` requests to a window of ``expiry`` seconds, and return the number of requests in it."""
        with self._lock:
            window = self._current(key)
            if window is None:
                if len(self._windows) >= MANY:
                    self._drop_expired()
                window = self._windows[key] = _Window(self._clock() + expiry)
            window.count += amount
            return window.count

    def get(self, key: str) -> int:
        """Return the number of requests in the current window."""
        with self._lock:
            window = self._current(key)
            return window.count if window else 0

    def get_expiry(self, key: str) -> float:
        """Return when the current window ends, in seconds since the epoch, for the headers of the response."""
        with self._lock:
            window = self._current(key)
            return time.time() + (window.ends - self._clock() if window else 0)

    def check(self) -> bool:
        """Return whether the storage works."""
        return True

    def reset(self) -> int:
        """Remove all windows, and return their number."""
        with self._lock:
            count = len(self._windows)
            self._windows.clear()
            return count

    def clear(self, key: str) -> None:
        """Remove one window."""
        with self._lock:
            self._windows.pop(key, None)

    def _current(self, key: str) -> _Window | None:
        window = self._windows.get(key)
        if window is not None and window.ends <= self._clock():
            del self._windows[key]
            return None
        return window

    def _drop_expired(self) -> None:
        now = self._clock()
        for key in [key for key, window in self._windows.items() if window.ends <= now]:
            del self._windows[key]


def use_monotonic_fallback(limiter: Limiter) -> None:
    """Use this storage while Redis is unavailable; Flask-Limiter has no option for its fallback."""
    limiter._fallback_limiter = FixedWindowRateLimiter(MonotonicStorage())
