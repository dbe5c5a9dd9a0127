"""Check the packets of clients before they are dispatched: only the kinds that a client of the protocol needs are accepted."""

from __future__ import annotations

from typing import Any

from engineio import packet as engine_packet
from engineio.payload import Payload
from socketio import packet

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
