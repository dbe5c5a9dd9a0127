"""Takes to Redis what this process has to tell the others, in one thread, so that nobody who reports progress waits for it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from .circuit_breaker import CircuitBreaker

log = logging.getLogger(__name__)

#: Seconds between two tries while Redis does not answer.
RETRY = 1.0
#: A key, what it is to hold, and for how long, in milliseconds.
State = tuple[str, bytes, int]


@dataclass
class _Outgoing:
    """What is to be told of one subject: its newest state, the messages that stay, and after them those that a later one replaces."""

    state: Callable[[], State] | None = None
    lasting: list[tuple[str, str]] = field(default_factory=list)
    passing: list[tuple[str, str]] = field(default_factory=list)


class Publisher:
    """Sends in the background; while Redis is away it keeps the newest of each subject, and what must not be lost.

    :param start_task: starts a background task in the server's async mode; ``sleep`` waits in it (seconds).
    """

    def __init__(
        self, client: Redis, breaker: CircuitBreaker, start_task: Callable[..., Any], sleep: Callable[[float], Any]
    ) -> None:
        self._client = client
        self._breaker = breaker
        self._start_task = start_task
        self._sleep = sleep
        self._outgoing: dict[str, _Outgoing] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._running = False
        self._sending = False
        self._stopped = False

    def keep(self, subject: str, state: Callable[[], State]) -> None:
        """Store the state of a subject; it is asked for when it is sent."""
        with self._lock:
            self._outgoing_of(subject).state = state
        self._go()

    def publish(self, subject: str, channel: str, message: str, *, lasting: bool) -> None:
        """Publish a message.

        :param lasting: sent whatever happens; any other is replaced by a later one of its subject while Redis is away.
        """
        with self._lock:
            outgoing = self._outgoing_of(subject)
            if not self._breaker.closed:
                outgoing.passing = []
            if lasting:
                outgoing.lasting += [*outgoing.passing, (channel, message)]
                outgoing.passing = []
            else:
                outgoing.passing.append((channel, message))
        self._go()

    def answers(self) -> bool:
        """Whether Redis is there, asked now unless it is known not to be."""
        if self._breaker.closed:
            try:
                self._client.ping()
            except RedisError as error:
                self.lost(error)
        return self._breaker.closed

    def lost(self, error: Exception) -> None:
        """Somebody else has found that Redis does not answer: look after it."""
        self._breaker.failed(error)
        self._go()

    def flush(self, seconds: float) -> None:
        """Wait until everything is sent, but not for longer than this, and not for a Redis that does not answer."""
        deadline = time.monotonic() + seconds
        while (self._outgoing or self._sending) and self._breaker.closed and time.monotonic() < deadline:
            self._sleep(0.01)

    def stop(self) -> None:
        """Send nothing more; what is on its way still arrives, or fails."""
        self._stopped = True
        self._wake.set()

    @property
    def running(self) -> bool:
        """Whether something may be on its way."""
        return self._running

    def _outgoing_of(self, subject: str) -> _Outgoing:
        return self._outgoing.setdefault(subject, _Outgoing())

    def _go(self) -> None:
        self._wake.set()
        with self._lock:
            started, self._running = self._running, True
        if not started:
            self._start_task(self._work)

    def _work(self) -> None:
        while not self._stopped:
            self._wake.wait()
            self._wake.clear()
            while not self._stopped and (self._outgoing or not self._breaker.closed):
                if not self._send():
                    self._sleep(RETRY)
        self._running = False

    def _send(self) -> bool:
        """Send everything there is; what could not be sent is kept, behind what has come since."""
        with self._lock:
            outgoing_by_subject, self._outgoing = self._outgoing, {}
            self._sending = True
        try:
            with self._client.pipeline(transaction=False) as pipeline:
                pipeline.ping()
                for outgoing in outgoing_by_subject.values():
                    self._pack(pipeline, outgoing)
                pipeline.execute()
        except RedisError as error:
            self._breaker.failed(error)
            self._take_back(outgoing_by_subject)
            return False
        finally:
            self._sending = False
        self._breaker.works()
        return True

    def _pack(self, pipeline: Any, outgoing: _Outgoing) -> None:
        if outgoing.state is not None:
            key, value, milliseconds = outgoing.state()
            pipeline.set(key, value, px=milliseconds)
        for channel, message in (*outgoing.lasting, *outgoing.passing):
            pipeline.publish(channel, message)

    def _take_back(self, outgoing_by_subject: dict[str, _Outgoing]) -> None:
        with self._lock:
            for subject, old in outgoing_by_subject.items():
                new = self._outgoing_of(subject)
                new.state = new.state or old.state
                new.passing = (new.passing or ([] if new.lasting else old.passing))[-1:]
                new.lasting = [*old.lasting, *new.lasting]
