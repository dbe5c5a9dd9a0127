"""Publish sessions and events to Redis in one background thread, so that code that reports progress never waits for it."""

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

#: Seconds between two attempts while Redis does not answer.
RETRY = 1.0
#: A key, its value, and its time to live in milliseconds.
State = tuple[str, bytes, int]


@dataclass
class _Outgoing:
    """What is to be sent about one subject: its state, the messages that must arrive, and after them those that a later one replaces."""

    state: Callable[[], State] | None = None
    required: list[tuple[str, str]] = field(default_factory=list)
    replaceable: list[tuple[str, str]] = field(default_factory=list)


class Publisher:
    """Sends in the background; while Redis does not answer, stores the newest state of each subject and the required messages.

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

    def store(self, subject: str, state: Callable[[], State]) -> None:
        """Store the state of a subject in Redis.

        :param state: returns it; called at the moment of sending.
        """
        with self._lock:
            self._outgoing_of(subject).state = state
        self._go()

    def publish(self, subject: str, channel: str, message: str, *, required: bool) -> None:
        """Publish a message.

        :param required: the message must arrive; any other is replaced by a later one of its subject while Redis does not answer.
        """
        with self._lock:
            outgoing = self._outgoing_of(subject)
            if not self._breaker.closed:
                outgoing.replaceable = []
            if required:
                outgoing.required += [*outgoing.replaceable, (channel, message)]
                outgoing.replaceable = []
            else:
                outgoing.replaceable.append((channel, message))
        self._go()

    def answers(self) -> bool:
        """Whether Redis answers; tried now, unless the breaker is open."""
        if self._breaker.closed:
            try:
                self._client.ping()
            except RedisError as error:
                self.lost(error)
        return self._breaker.closed

    def lost(self, error: Exception) -> None:
        """Note that a request of somebody else got no answer, and try until Redis is available again."""
        self._breaker.failed(error)
        self._go()

    def flush(self, seconds: float) -> None:
        """Wait until everything is sent, at most this long, and only while Redis answers."""
        deadline = time.monotonic() + seconds
        while (self._outgoing or self._sending) and self._breaker.closed and time.monotonic() < deadline:
            self._sleep(0.01)

    def stop(self) -> None:
        """Stop sending; a request that has begun still arrives, or fails."""
        self._stopped = True
        self._wake.set()

    @property
    def running(self) -> bool:
        """Whether the background task is running."""
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
        """Send everything; if that fails, put it back to be sent again. Return whether it was sent."""
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
            self._put_back(outgoing_by_subject)
            return False
        finally:
            self._sending = False
        self._breaker.works()
        return True

    def _pack(self, pipeline: Any, outgoing: _Outgoing) -> None:
        if outgoing.state is not None:
            key, value, milliseconds = outgoing.state()
            pipeline.set(key, value, px=milliseconds)
        for channel, message in (*outgoing.required, *outgoing.replaceable):
            pipeline.publish(channel, message)

    def _put_back(self, outgoing_by_subject: dict[str, _Outgoing]) -> None:
        with self._lock:
            for subject, old in outgoing_by_subject.items():
                new = self._outgoing_of(subject)
                new.state = new.state or old.state
                new.replaceable = (new.replaceable or ([] if new.required else old.replaceable))[-1:]
                new.required = [*old.required, *new.required]
