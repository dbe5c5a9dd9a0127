"""A circuit breaker: once Redis has failed, nobody waits for it again until it is back."""

from __future__ import annotations

import logging

log = logging.getLogger(__name__)


class CircuitBreaker:
    """Closed while Redis works. Whoever sees it fail opens the breaker; only the publisher, which goes on trying, closes it."""

    def __init__(self) -> None:
        self._closed = True

    @property
    def closed(self) -> bool:
        """Whether Redis works, so that a request makes sense."""
        return self._closed

    def failed(self, error: Exception) -> None:
        """Note that Redis did not answer."""
        if self._closed:
            self._closed = False
            log.warning(
                "Redis is not available; imports continue, but their events are not shared with other processes (%s)",
                type(error).__name__,
            )

    def works(self) -> None:
        """Note that Redis has answered."""
        if not self._closed:
            self._closed = True
            log.warning("Redis is available again")
