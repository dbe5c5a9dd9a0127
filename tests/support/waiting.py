"""Wait for events in another process or thread."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
#: Seconds after which something has taken too long, on a busy machine.
PATIENCE = 180.0


def until(condition: Callable[[], T], seconds: float = PATIENCE, pause: float = 0.02) -> T:
    """Wait until a condition is true, and return its value.

    :raises AssertionError: it was not in so many seconds.
    """
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"still {value!r} after {seconds} s"
        time.sleep(pause)
    return value
