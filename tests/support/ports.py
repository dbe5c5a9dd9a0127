"""Free ports for servers of tests."""

from __future__ import annotations

import random
import socket

#: Below the ports that Linux assigns to clients, so that no other connection gets the port while a server is restarted.
_RANGE = range(20_000, 32_000)
_system = random.SystemRandom()  # parallel tests may have seeded the default generator equally


def free() -> int:
    """A free port of the loopback address."""
    while True:
        port = _system.choice(_RANGE)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
