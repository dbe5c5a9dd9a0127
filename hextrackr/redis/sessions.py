"""The live sessions of all processes. Implements :class:`hextrackr.progress.store.SessionStore`."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import orjson
from redis import Redis
from redis.exceptions import RedisError

from hextrackr.progress.clock import Clock
from hextrackr.progress.session import Session

from . import redis_client
from .circuit_breaker import CircuitBreaker
from .publisher import Publisher, State

#: How long a session stays on record without a change, live and finished, in milliseconds.
LIVE_MS = 3_600_000
FINISHED_MS = 60_000
#: What is told to other processes.
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
    "told",
)


def _boot() -> str:
    """What tells this start of this machine from all others; a clock that begins with it is the same in all its processes."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return uuid.uuid4().hex


_BOOT = _boot()


class SharedSessions:
    """Sessions that any process reads and, one at a time, writes; each keeps what it has written, for when Redis is away.

    Of the two the newer one counts, by its sequence.
    """

    def __init__(self, client: Redis, breaker: CircuitBreaker, publisher: Publisher, clock: Clock) -> None:
        self._client = client
        self._breaker = breaker
        self._publisher = publisher
        self._clock = clock
        self._own: dict[str, Session] = {}

    @property
    def reachable(self) -> bool:
        """Whether what other processes write can be read."""
        return self._breaker.closed

    def get(self, session_id: str) -> Session | None:
        own, stored = self._own.get(session_id), self._stored(session_id)
        if stored is None or (own is not None and own.sequence >= stored.sequence):
            return own
        return stored

    def put(self, session: Session) -> None:
        self._own[session.id] = session
        self._publisher.keep(session.id, partial(_state, session))

    def drop(self, session_id: str) -> None:
        """Forget it here; in Redis it runs out by itself, and another process may be at work on it."""
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

    def _read(self, told: dict[str, Any]) -> Session:
        """A session of another process; of this machine, it tells when it began by the clock that all its processes have.

        Something may have been told of it right now, so that the next update waits for its interval to be over.
        """
        now = self._clock.monotonic_ms()
        boot, started = told.pop("boot", None), told.pop("started", None)
        if started is None or boot != _BOOT or not 0 <= now - started:
            started = now - min(max(0, self._clock.now_ms() - told["start_time"]), LIVE_MS)
        return Session(**told, started=started, touched=now, emitted=now)


def _key(session_id: str) -> str:
    return f"{redis_client.PREFIX}session:{session_id}"


def _state(session: Session) -> State:
    value = orjson.dumps({"boot": _BOOT, **{name: getattr(session, name) for name in _FIELDS}})
    return _key(session.id), value, FINISHED_MS if session.finished else LIVE_MS
