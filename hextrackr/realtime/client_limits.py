"""Limit the clients of the sockets, between Engine.IO and Socket.IO: connections, event rate and malformed messages.

Only the kinds of packets that a client of the protocol needs are accepted; they are checked before they are dispatched.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from engineio import packet as engine_packet
from engineio.payload import Payload
from socketio import Server, packet

log = logging.getLogger(__name__)


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


class TokenBucket:
    """Hands out ``rate`` tokens a second, and after a pause up to ``burst`` at once.

    :param clock: seconds, from any fixed point.
    """

    __slots__ = ("_burst", "_clock", "_filled", "_rate", "_tokens")

    def __init__(self, rate: float, burst: float, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._tokens = burst
        self._filled = clock()

    def wait(self, tokens: int = 1) -> float:
        """Take tokens, and return how many seconds to wait before using them."""
        self._fill()
        self._tokens -= tokens
        return max(0.0, -self._tokens / self._rate)

    def allows(self) -> bool:
        """Take a token, if one is available now."""
        self._fill()
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def is_full(self) -> bool:
        """Whether all tokens are available."""
        self._fill()
        return self._tokens == self._burst

    def _fill(self) -> None:
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + max(0.0, now - self._filled) * self._rate)
        self._filled = now


#: Events that Socket.IO raises itself; a client that sent one would call our handler for it.
RESERVED = frozenset({"connect", "connect_error", "disconnect", "disconnecting"})
_ENGINE_TYPES = "0123456"
_POSTED_TYPES = (engine_packet.CLOSE, engine_packet.PONG, engine_packet.MESSAGE, engine_packet.UPGRADE)
_MESSAGE_TYPES = (packet.CONNECT, packet.DISCONNECT, packet.EVENT, packet.BINARY_EVENT)
#: The text with which python-socketio refuses an unknown namespace.
_STOCK_REFUSAL = "Unable to connect"
#: Binary attachments of one event; each is a message of its own, and stays in memory until the last one arrives.
MAX_ATTACHMENTS = 4


class MalformedPacket(ValueError):
    """A client has violated the protocol; the message says how, without quoting the client."""


class CheckedPacket(packet.Packet):  # type: ignore[misc]
    """A Socket.IO packet with our restrictions: no acknowledgements (we request none), no reserved event names, few attachments.

    It also corrects one packet that we send: python-socketio refuses an unknown namespace with a text that is not that of the protocol.
    """

    def __init__(self, packet_type: int = packet.EVENT, data: Any = None, *args: Any, **options: Any) -> None:
        if packet_type == packet.CONNECT_ERROR and data == _STOCK_REFUSAL:
            data = {"message": "Invalid namespace"}
        super().__init__(packet_type, data, *args, **options)

    def decode(self, encoded_packet: object) -> int:
        """Decode a packet.

        :raises MalformedPacket: it violates the restrictions of the class.
        """
        if not isinstance(encoded_packet, str):
            raise MalformedPacket("a binary message that belongs to no event")
        try:
            attachments: int = super().decode(encoded_packet)
        except ValueError:
            raise MalformedPacket("a message that is not Socket.IO") from None
        if self.packet_type not in _MESSAGE_TYPES:
            raise MalformedPacket("a packet of a type that has no place here")
        if bool(attachments) is not (self.packet_type == packet.BINARY_EVENT) or attachments > MAX_ATTACHMENTS:
            raise MalformedPacket("an event with too many attachments, or none where there should be some")
        if self.packet_type in (packet.EVENT, packet.BINARY_EVENT):
            _check_event(self.data)
        return attachments

    def add_attachment(self, attachment: object) -> bool:
        """Add a binary attachment to the event; True if it was the last one.

        :raises MalformedPacket: the event does not refer to it.
        """
        try:
            return bool(super().add_attachment(attachment))
        except (ValueError, IndexError, TypeError, RecursionError):
            raise MalformedPacket("an event whose attachments do not fit") from None


def _check_event(data: object) -> None:
    if not isinstance(data, list) or not data or not isinstance(data[0], str):
        raise MalformedPacket("an event without a name")
    if data[0] in RESERVED:
        raise MalformedPacket("an event by a reserved name")


def check_frame(message: object) -> None:
    """Check one message of a websocket.

    :raises MalformedPacket: it is not an Engine.IO packet.
    """
    if not message or (isinstance(message, str) and message[0] not in _ENGINE_TYPES):
        raise MalformedPacket("a message that is not Engine.IO")


def check_body(body: bytes) -> None:
    """Check the body of a polling request.

    :raises MalformedPacket: it is not a list of Engine.IO packets, or has too many.
    """
    try:
        packets = Payload(encoded_payload=body.decode()).packets
    except (ValueError, KeyError):
        raise MalformedPacket("a body that is not Engine.IO") from None
    if any(each.packet_type not in _POSTED_TYPES for each in packets):
        raise MalformedPacket("a packet of a type that has no place here")


def check_message(data: object) -> None:
    """Check the content of an Engine.IO packet where Socket.IO does not.

    :raises MalformedPacket: it is empty, or neither text nor binary.
    """
    if not isinstance(data, (str, bytes)) or not data:
        raise MalformedPacket("a message that is not Socket.IO")


#: Seconds between two checks for sockets that have not completed their connect.
SWEEP = 5.0


@dataclass
class _Client:
    """One socket: its address, when it began its connect (monotonic, s), its event rate and its malformed messages."""

    address: str
    since: float
    events: TokenBucket
    faults: int = 0


@dataclass
class _Address:
    """The sockets of one address, and the rate of new ones."""

    sockets: TokenBucket
    open: set[str] = field(default_factory=set)


class ClientLimits:
    """Limits what each client of a Socket.IO server may do.

    :param server: its Engine.IO handlers are wrapped.
    :param sleep: waits (seconds) without delaying other clients.
    """

    def __init__(
        self,
        server: Server,
        limits: SocketLimits,
        sleep: Callable[[float], Any],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._server = server
        self._limits = limits
        self._sleep = sleep
        self._clock = clock
        self._clients: dict[str, _Client] = {}
        self._addresses: dict[str, _Address] = {}
        self._log_lines = TokenBucket(1.0, 20, clock)
        self._unreported: Counter[str] = Counter()
        self._sweeping = False
        handlers = server.eio.handlers
        self._admit, self._dispatch, self._forget = handlers["connect"], handlers["message"], handlers["disconnect"]
        server.eio.on("connect", self.connect)
        server.eio.on("message", self.message)
        server.eio.on("disconnect", self.disconnect)

    def connect(self, sid: str, environ: dict[str, Any]) -> Any:
        """Handle the connect of a client; a result other than None refuses it, with 401 and this text."""
        ip = str(environ.get("REMOTE_ADDR", ""))
        address = self._addresses.setdefault(ip, _Address(self._socket_bucket()))
        if len(address.open) >= self._limits.sockets_per_address or not address.sockets.allows():
            self.report(ip, "too many connections")
            return "Too many connections from this address."
        address.open.add(sid)
        now = self._clock()
        events = TokenBucket(self._limits.events_per_second, self._limits.events_burst, self._clock)
        self._clients[sid] = _Client(ip, now, events)
        if not self._sweeping:
            self._sweeping = True
            self._server.start_background_task(self._sweep)
        return self._admit(sid, environ)

    def message(self, sid: str, data: object) -> Any:
        """Dispatch a message of a client, delayed as far as its event rate demands."""
        client = self._clients.get(sid)
        if client is None:
            return None
        self._sleep(client.events.wait())  # also with 0 seconds, so that other clients get a turn
        if sid not in self._clients:
            return None  # it has disconnected meanwhile
        try:
            check_message(data)
            return self._dispatch(sid, data)
        except ValueError as error:
            self.fault(sid, str(error))

    def disconnect(self, sid: str, reason: str) -> Any:
        """Handle the disconnect of a socket."""
        client = self._clients.pop(sid, None)
        if client is not None:
            address = self._addresses[client.address]
            address.open.discard(sid)
        return self._forget(sid, reason)

    def fault(self, sid: str, what: str) -> None:
        """Count a malformed message of a client; cut the client off after a few, or at once if its connect is not complete."""
        client = self._clients.get(sid)
        if client is None:
            return
        client.faults += 1
        self.report(client.address, what)
        if client.faults >= self._limits.faults or not self._is_connected(sid):
            self.cut_off(sid)

    def cut_off(self, sid: str) -> None:
        """Close a socket without waiting for its client."""
        socket = self._server.eio.sockets.get(sid)
        if socket is not None:
            socket.close(wait=False)

    def end_if_silent(self, sid: str) -> None:
        """Close a socket whose client has not answered its ping in time; Engine.IO itself checks this only now and then."""
        socket = self._server.eio.sockets.get(sid)
        if socket is not None and not socket.closed:
            socket.check_ping_timeout()

    def has_websocket(self, sid: str) -> bool:
        """Whether the session of a client has a websocket already."""
        socket = self._server.eio.sockets.get(sid)
        return socket is not None and bool(socket.upgraded)

    def sweep(self) -> None:
        """Close the sockets whose Socket.IO connect is overdue, and drop addresses without recent connections."""
        overdue = self._clock() - self._limits.connect_seconds
        for sid, client in list(self._clients.items()):
            if client.since < overdue and not self._is_connected(sid):
                self.report(client.address, "a connect that is never completed")
                self.cut_off(sid)
        for ip, address in list(self._addresses.items()):
            if not address.open and address.sockets.is_full():
                del self._addresses[ip]

    def _sweep(self) -> None:
        while self._addresses:
            self._sleep(SWEEP)
            self.sweep()
        self._sweeping = False

    def _is_connected(self, sid: str) -> bool:
        manager = self._server.manager
        own = manager.sid_from_eio_sid(sid, "/")
        return own is not None and bool(manager.is_connected(own, "/"))

    def _socket_bucket(self) -> TokenBucket:
        count = self._limits.sockets_per_address
        return TokenBucket(count / self._limits.reconnect_seconds, count, self._clock)

    def report(self, address: str, what: str) -> None:
        """Log what a client has sent or asked for; beyond the log's own rate limit only count it, for the next line."""
        self._unreported[address] += 1
        if self._log_lines.allows():
            times = self._unreported.pop(address)
            log.warning("A client at %s has sent or asked for %s (%d times)", address, what, times)
