"""The live sessions of all processes, in Redis: an implementation of :class:`hextrackr.progress.store.SessionStore`."""

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
    return f"{redis_client.PREFIX}session:{session_id}"


def _state(session: Session) -> State:
    value = orjson.dumps({"boot": _BOOT, "told": session.sent, **{name: getattr(session, name) for name in _FIELDS}})
    return _key(session.id), value, FINISHED_MS if session.finished else LIVE_MS
