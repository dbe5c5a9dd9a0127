"""Connections to Redis that do not wait for long."""

from __future__ import annotations

import socket
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

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


def client(url: str) -> Redis:
    """Make a client that gets its answers within :data:`PATIENCE`, or fails."""
    return Redis.from_url(url, **options())


def listener(url: str) -> Redis:
    """Make a client that waits for messages without a timeout; TCP keepalive probes notice a peer that has vanished."""
    probes = {socket.TCP_KEEPIDLE: 10, socket.TCP_KEEPINTVL: 5, socket.TCP_KEEPCNT: 3}
    tcp = {} if url.startswith("unix") else {"socket_keepalive_options": probes}
    return Redis.from_url(url, **{**options(), "socket_timeout": None, **tcp})
