"""The tracker's source of time; tests pass in one that only advances when they say so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Clock(Protocol):
    """Two readings, because the wall clock may be set back, and one timer."""

    def now_ms(self) -> int:
        """Milliseconds since the epoch, for people."""
        ...

    def monotonic_ms(self) -> int:
        """Milliseconds since any fixed point, for intervals."""
        ...

    def call_later(self, delay_ms: int, action: Callable[[], None]) -> None:
        """Run ``action`` once, ``delay_ms`` from now, without blocking the caller."""
        ...
