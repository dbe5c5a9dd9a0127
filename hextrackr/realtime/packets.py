"""Which packets of a client are worth dispatching: the protocol allows more than any client of ours needs."""

from __future__ import annotations

from engineio import packet as engine_packet
from engineio.payload import Payload
from socketio import packet

#: Events that Socket.IO raises itself; a client that sends one would call our handler of it.
RESERVED = frozenset({"connect", "connect_error", "disconnect", "disconnecting"})
_ENGINE_TYPES = "0123456"
_POSTED_TYPES = (engine_packet.CLOSE, engine_packet.PONG, engine_packet.MESSAGE, engine_packet.UPGRADE)
_MESSAGE_TYPES = (packet.CONNECT, packet.DISCONNECT, packet.EVENT)


class MalformedPacket(ValueError):
    """A client has sent what no client of the protocol sends; the message says what, in words of ours."""


class CheckedPacket(packet.Packet):  # type: ignore[misc]
    """A Socket.IO packet as we take it: no binary, no acknowledgement of what we never ask, no name of Socket.IO's own."""

    def decode(self, encoded_packet: object) -> int:
        """Decode, and refuse what is not for us.

        :raises MalformedPacket: see the class.
        """
        if not isinstance(encoded_packet, str):
            raise MalformedPacket("a binary message")
        try:
            attachments: int = super().decode(encoded_packet)
        except ValueError:
            raise MalformedPacket("a message that is not Socket.IO") from None
        if self.packet_type not in _MESSAGE_TYPES or attachments:
            raise MalformedPacket("a packet of a type that has no place here")
        if self.packet_type == packet.EVENT:
            _check_event(self.data)
        return 0


def _check_event(data: object) -> None:
    if not isinstance(data, list) or not data or not isinstance(data[0], str):
        raise MalformedPacket("an event without a name")
    if data[0] in RESERVED:
        raise MalformedPacket("an event by a reserved name")


def check_frame(message: object) -> None:
    """Check one message of a websocket.

    :raises MalformedPacket: it is no Engine.IO packet.
    """
    if not isinstance(message, str):
        raise MalformedPacket("a binary message")
    if message[:1] not in _ENGINE_TYPES or not message:
        raise MalformedPacket("a message that is not Engine.IO")


def check_body(body: bytes) -> None:
    """Check the body of a polling request.

    :raises MalformedPacket: it is no list of Engine.IO packets, or too long a one.
    """
    try:
        packets = Payload(encoded_payload=body.decode()).packets
    except (ValueError, KeyError):
        raise MalformedPacket("a body that is not Engine.IO") from None
    if any(each.binary or each.packet_type not in _POSTED_TYPES for each in packets):
        raise MalformedPacket("a packet of a type that has no place here")


def check_message(data: object) -> None:
    """Check what a packet of Engine.IO carries, as far as Socket.IO does not.

    :raises MalformedPacket: nothing, or something that is no text.
    """
    if not isinstance(data, str) or not data:
        raise MalformedPacket("a message that is not Socket.IO")
