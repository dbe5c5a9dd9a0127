"""What one client may have of the sockets. A page of ours needs a thousandth of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SocketLimits:
    """The limits of one server.

    :ivar sockets_per_address: at one time; as many new ones may come within ``reconnect_seconds``.
    :ivar message_bytes: of a whole message, its fragments added up, and of the body of a polling request.
    :ivar fragments: pieces of one message.
    :ivar frames_per_second: on a websocket, control frames and fragments included; more are read later, not dropped.
    :ivar frame_bytes: counts as a frame where the library does not tell how many it has read.
    :ivar events_per_second: on either transport, likewise.
    :ivar rooms: sessions that one socket may watch at a time.
    :ivar lookups: sessions that are looked for at a time, of all sockets together.
    :ivar backlog: packets that wait for a client that does not read; with one more it is cut off, and comes back to a snapshot.
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
