"""What several processes share through Redis (or Valkey): live sessions and their events. Loaded only where ``REDIS_URL`` is set.

::

    tracker ──► SharedSessions ──┐
            ──► QueuedRooms ─────┴─► publisher (one thread) ──► Redis ──► QueuedRooms of every other web process ──► its sockets

Nothing that reports progress ever waits for Redis: the publisher sends, and what it cannot send it keeps, the newest state of each session
only. Once Redis has failed to answer nobody but the publisher asks it, until it answers again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hextrackr.progress.clock import Clock

from . import redis_client
from .circuit_breaker import CircuitBreaker
from .publisher import Publisher
from .sessions import SharedSessions


@dataclass(frozen=True)
class Shared:
    """The parts, of one app."""

    url: str
    breaker: CircuitBreaker
    publisher: Publisher
    sessions: SharedSessions

    @classmethod
    def through(cls, url: str, clock: Clock, start_task: Callable[..., Any], sleep: Callable[[float], Any]) -> Shared:
        """Share through this Redis; it need not be there yet."""
        client, breaker = redis_client.client(url), CircuitBreaker()
        publisher = Publisher(client, breaker, start_task, sleep)
        return cls(url, breaker, publisher, SharedSessions(client, breaker, publisher, clock))

    def check(self) -> str:
        """``ok``, or that Redis does not answer, in words."""
        return "ok" if self.publisher.answers() else "Redis does not answer"
