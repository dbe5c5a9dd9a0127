"""Connections to Redis that do not wait for long."""

from __future__ import annotations

import socket
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

#: How long Redis may take for one answer, in seconds.
PATIENCE = 1.0
#: What begins every key.
PREFIX = "hextrackr:"


def options() -> dict[str, Any]:
    """For whoever makes a client itself: short waits, and no tries of its own after a failure."""
    return {
        "socket_timeout": PATIENCE,
        "socket_connect_timeout": PATIENCE,
        "socket_keepalive": True,
        "retry": Retry(NoBackoff(), 0),
    }


def client(url: str) -> Redis:
    """A client that asks and gets its answer at once, or fails."""
    return Redis.from_url(url, **options())


def listener(url: str) -> Redis:
    """A client that waits for messages for as long as it takes; a peer that has vanished is noticed by the system's probes."""
    probes = {socket.TCP_KEEPIDLE: 10, socket.TCP_KEEPINTVL: 5, socket.TCP_KEEPCNT: 3}
    tcp = {} if url.startswith("unix") else {"socket_keepalive_options": probes}
    return Redis.from_url(url, **{**options(), "socket_timeout": None, **tcp})
