"""Share live sessions and their events between processes through Redis (or Valkey). Loaded only if ``REDIS_URL`` is set.

::

    tracker ──► SharedSessions ──┐
            ──► QueuedRooms ─────┴─► publisher (one thread) ──► Redis ──► QueuedRooms of every other web process ──► its sockets

Code that reports progress never waits for Redis: the publisher sends in a thread of its own. What it cannot send it holds back, of each
session only the newest state. Once Redis has failed to answer, only the publisher tries it, until it answers again.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import orjson
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from hextrackr.progress.session import Clock, Session

log = logging.getLogger(__name__)

#: How long Redis may take for one answer, in seconds.
PATIENCE = 1.0
#: The prefix of every key.
PREFIX = "hextrackr:"


def options() -> dict[str, Any]:
    """The options of every client: short timeouts, and no retries."""
    return {
        "socket_timeout": PATIENCE,
        "socket_connect_timeout": PATIENCE,
        "socket_keepalive": True,
        "retry": Retry(NoBackoff(), 0),
    }


def connect(url: str) -> Redis:
    """Make a client that gets its answers within :data:`PATIENCE`, or fails."""
    return Redis.from_url(url, **options())


def listener(url: str) -> Redis:
    """Make a client that waits for messages without a timeout; TCP keepalive probes notice a peer that has vanished."""
    probes = {socket.TCP_KEEPIDLE: 10, socket.TCP_KEEPINTVL: 5, socket.TCP_KEEPCNT: 3}
    tcp = {} if url.startswith("unix") else {"socket_keepalive_options": probes}
    return Redis.from_url(url, **{**options(), "socket_timeout": None, **tcp})


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


#: How long Redis stores a session without a change, live and finished, in milliseconds.
LIVE_MS = 3_600_000
FINISHED_MS = 60_000
#: Fields of a session that other processes read, beside ``sent``, which is stored as ``told``.
_FIELDS = (
    "id",
    "metadata",
    "start_time",
    "started",
    "sequence",
    "progress",
    "status",
    "last_update",
    "duration",
    "error",
)


def _boot() -> str:
    """An id of this boot of the machine: all processes since then share one monotonic clock."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return uuid.uuid4().hex


_BOOT = _boot()


class SharedSessions:
    """Sessions that any process may read, and one process at a time writes.

    Each process also stores the ones that it has written itself, for when Redis does not answer. If both are there, the one with the
    higher sequence counts.
    """

    def __init__(self, client: Redis, breaker: CircuitBreaker, publisher: Publisher, clock: Clock) -> None:
        self._client = client
        self._breaker = breaker
        self._publisher = publisher
        self._clock = clock
        self._own: dict[str, Session] = {}

    @property
    def reachable(self) -> bool:
        """Whether the sessions of other processes can be read."""
        return self._breaker.closed

    def get(self, session_id: str) -> Session | None:
        own, stored = self._own.get(session_id), self._stored(session_id)
        if stored is None or (own is not None and own.sequence >= stored.sequence):
            return own
        return stored

    def put(self, session: Session) -> None:
        self._own[session.id] = session
        self._publisher.store(session.id, partial(_state, session))

    def drop(self, session_id: str) -> None:
        """Delete it here; in Redis it expires by itself, as another process may be using it."""
        self._own.pop(session_id, None)

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self._own.values()))

    def _stored(self, session_id: str) -> Session | None:
        if not self._breaker.closed:
            return None
        try:
            value = self._client.get(_key(session_id))
        except RedisError as error:
            self._publisher.lost(error)
            return None
        return self._read(orjson.loads(value)) if value else None

    def _read(self, stored: dict[str, Any]) -> Session:
        """Make the session that another process has stored.

        Its ``started`` is valid here if it was written since the same boot. An event of it may have been sent just now, so the next
        update waits for a whole interval.
        """
        now = self._clock.monotonic_ms()
        boot, started, sent = stored.pop("boot", None), stored.pop("started", None), stored.pop("told", None)
        if started is None or boot != _BOOT or not 0 <= now - started:
            started = now - min(max(0, self._clock.now_ms() - stored["start_time"]), LIVE_MS)
        return Session(**stored, sent=sent, started=started, touched=now, emitted=now)


def _key(session_id: str) -> str:
    return f"{PREFIX}session:{session_id}"


def _state(session: Session) -> State:
    value = orjson.dumps({"boot": _BOOT, "told": session.sent, **{name: getattr(session, name) for name in _FIELDS}})
    return _key(session.id), value, FINISHED_MS if session.finished else LIVE_MS


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
        client, breaker = connect(url), CircuitBreaker()
        publisher = Publisher(client, breaker, start_task, sleep)
        return cls(url, breaker, publisher, SharedSessions(client, breaker, publisher, clock))

    def check(self) -> str:
        """Return ``ok``, or a message that Redis does not answer."""
        return "ok" if self.publisher.answers() else "Redis does not answer"
