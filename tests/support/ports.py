"""Ports for servers that are started here."""

from __future__ import annotations

import random
import socket

#: Below those that Linux gives to clients: while a server is restarted, no connection of another program comes to have its port.
_RANGE = range(20_000, 32_000)
_system = random.SystemRandom()  # tests that run side by side may have seeded the other one alike


def free() -> int:
    """A port of loopback that nobody listens on."""
    while True:
        port = _system.choice(_RANGE)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
