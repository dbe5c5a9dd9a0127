"""Share live sessions and their events between processes through Redis (or Valkey). Loaded only if ``REDIS_URL`` is set.

::

    tracker ──► SharedSessions ──┐
            ──► QueuedRooms ─────┴─► publisher (one thread) ──► Redis ──► QueuedRooms of every other web process ──► its sockets

Code that reports progress never waits for Redis: the publisher sends in a thread of its own. What it cannot send it holds back, of each
session only the newest state. Once Redis has failed to answer, only the publisher tries it, until it answers again.
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
    """The Redis connections of one app."""

    url: str
    breaker: CircuitBreaker
    publisher: Publisher
    sessions: SharedSessions

    @classmethod
    def through(cls, url: str, clock: Clock, start_task: Callable[..., Any], sleep: Callable[[float], Any]) -> Shared:
        """Connect to this Redis; it need not be running yet."""
        client, breaker = redis_client.client(url), CircuitBreaker()
        publisher = Publisher(client, breaker, start_task, sleep)
        return cls(url, breaker, publisher, SharedSessions(client, breaker, publisher, clock))

    def check(self) -> str:
        """Return ``ok``, or a message that Redis does not answer."""
        return "ok" if self.publisher.answers() else "Redis does not answer"
