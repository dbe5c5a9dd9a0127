"""How often something may happen."""

from __future__ import annotations

from collections.abc import Callable


class TokenBucket:
    """Allows ``rate`` turns a second, and after a rest up to ``burst`` at once (a token bucket).

    :param clock: seconds, from any fixed point.
    """

    __slots__ = ("_burst", "_clock", "_filled", "_rate", "_tokens")

    def __init__(self, rate: float, burst: float, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._tokens = burst
        self._filled = clock()

    def wait(self, turns: int = 1) -> float:
        """Take turns, and return how many seconds they have to wait for."""
        self._fill()
        self._tokens -= turns
        return max(0.0, -self._tokens / self._rate)

    def allows(self) -> bool:
        """Take a turn if there is one at once."""
        self._fill()
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def is_full(self) -> bool:
        """Whether nobody has taken a turn for long."""
        self._fill()
        return self._tokens == self._burst

    def _fill(self) -> None:
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + max(0.0, now - self._filled) * self._rate)
        self._filled = now
