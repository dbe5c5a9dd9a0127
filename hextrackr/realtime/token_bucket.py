"""A token bucket: limits how often something may happen."""

from __future__ import annotations

from collections.abc import Callable


class TokenBucket:
    """Hands out ``rate`` tokens a second, and after a pause up to ``burst`` at once.

    :param clock: seconds, from any fixed point.
    """

    __slots__ = ("_burst", "_clock", "_filled", "_rate", "_tokens")

    def __init__(self, rate: float, burst: float, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._tokens = burst
        self._filled = clock()

    def wait(self, tokens: int = 1) -> float:
        """Take tokens, and return how many seconds to wait before using them."""
        self._fill()
        self._tokens -= tokens
        return max(0.0, -self._tokens / self._rate)

    def allows(self) -> bool:
        """Take a token, if one is available now."""
        self._fill()
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def is_full(self) -> bool:
        """Whether all tokens are available."""
        self._fill()
        return self._tokens == self._burst

    def _fill(self) -> None:
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + max(0.0, now - self._filled) * self._rate)
        self._filled = now
