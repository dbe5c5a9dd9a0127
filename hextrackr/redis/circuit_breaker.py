"""A circuit breaker: once the other side has failed, nobody waits for it again before it is known to be back."""

from __future__ import annotations

import logging

log = logging.getLogger(__name__)


class CircuitBreaker:
    """Closed while the other side works. Who finds it failing opens it; only the publisher, which goes on trying, closes it."""

    def __init__(self) -> None:
        self._closed = True

    @property
    def closed(self) -> bool:
        """Whether it makes sense to ask."""
        return self._closed

    def failed(self, error: Exception) -> None:
        """The other side did not answer."""
        if self._closed:
            self._closed = False
            log.warning(
                "Redis does not answer; imports go on, and their events stay in this process (%s)", type(error).__name__
            )

    def works(self) -> None:
        """The other side has answered."""
        if not self._closed:
            self._closed = True
            log.warning("Redis answers again")
