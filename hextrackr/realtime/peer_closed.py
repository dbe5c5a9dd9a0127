"""Whether a client has gone, while what it sent before that still waits to be read."""

from __future__ import annotations

import socket
from typing import Any

#: Linux, ``include/net/tcp_states.h``: TCP_CLOSE and TCP_CLOSE_WAIT, in which the other end is gone, or sends no more.
_LEFT = {7, 8}


def has_left(connection: Any) -> bool:
    """Whether the other end of a TCP connection has closed it; reading would tell only behind all that it has sent.

    :param connection: the socket, a green one or not; False where its system does not say, or it is none of TCP.
    """
    try:
        state: bytes = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)  # the first byte is the state
    except (AttributeError, OSError):
        return False
    return state[0] in _LEFT
