"""Detect that a client has closed its connection, even while data that it sent before is still unread."""

from __future__ import annotations

import socket
from typing import Any

#: Linux, ``include/net/tcp_states.h``: TCP_CLOSE and TCP_CLOSE_WAIT: the other end is gone, or will send nothing more.
_LEFT = {7, 8}


def has_left(connection: Any) -> bool:
    """Whether the other end of a TCP connection has closed it; reading would show that only after all data that it has sent.

    :param connection: the socket, green or not.
    :return: False also if it is not TCP, or the system does not report the state.
    """
    try:
        state: bytes = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)  # the first byte is the state
    except (AttributeError, OSError):
        return False
    return state[0] in _LEFT
