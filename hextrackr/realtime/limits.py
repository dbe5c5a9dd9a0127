"""The limits of socket clients. Our own pages need a thousandth of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SocketLimits:
    """The limits of one server.

    :ivar sockets_per_address: open sockets; the same number of new ones may connect within ``reconnect_seconds``.
    :ivar message_bytes: size of a message with all its fragments, and of the body of a polling request.
    :ivar fragments: fragments of one message.
    :ivar frames_per_second: frames of a websocket, control frames and fragments included; more are read later, not dropped.
    :ivar frame_bytes: bytes that count as one frame if the library does not report how many frames it has read.
    :ivar events_per_second: events on either transport; more are handled later, not dropped.
    :ivar rooms: sessions that one socket may watch at a time.
    :ivar lookups: sessions that are looked up at a time, for all sockets together.
    :ivar backlog: packets that wait for a client that does not read; beyond that it is cut off, and gets a snapshot when it returns.
    :ivar faults: malformed messages after which a socket is closed.
    :ivar connect_seconds: from the first request to the end of the Socket.IO handshake.
    """

    sockets_per_address: int = 500
    reconnect_seconds: float = 20.0
    message_bytes: int = 8 * 1024
    fragments: int = 64
    frames_per_second: float = 50.0
    frames_burst: int = 200
    frame_bytes: int = 64
    events_per_second: float = 20.0
    events_burst: int = 100
    rooms: int = 50
    lookups: int = 3
    backlog: int = 256
    faults: int = 3
    connect_seconds: float = 20.0
