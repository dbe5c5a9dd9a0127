"""The members of each room, and sending an event to all of them, as one finished websocket frame.

Engine.IO needs a queue, a switch to the client's green thread and a new frame for every message to every client. Here one frame serves
all clients. A frame is written directly only if nothing else waits for that client; otherwise it goes through the client's queue, so
that the order of messages is preserved.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable
from typing import Any

from engineio import packet as engine_packet
from socketio import Manager, packet

log = logging.getLogger(__name__)

_FINAL_TEXT = 0x81


def text_frame(message: str) -> bytes:
    """The websocket frame of a text message as a server sends it (RFC 6455, section 5.2)."""
    payload = message.encode()
    size = len(payload)
    if size < 126:
        return bytes((_FINAL_TEXT, size)) + payload
    if size < 1 << 16:
        return struct.pack("!BBH", _FINAL_TEXT, 126, size) + payload
    return struct.pack("!BBQ", _FINAL_TEXT, 127, size) + payload


class Rest:
    """The rest of a partly written frame; waits in the client's queue like a packet."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def encode(self) -> Rest:
        """Encode as Engine.IO expects of a packet that it sends."""
        return self


class DirectWriter:
    """Writes frames to the connection of one websocket client.

    :param client: Engine.IO's socket of that client.
    :param connection: its socket of the operating system, which does not block.
    :param lock: held while something writes to the connection.
    """

    __slots__ = ("_client", "_connection", "_lock")

    def __init__(self, client: Any, connection: Any, lock: Any) -> None:
        self._client = client
        self._connection = connection
        self._lock = lock

    @classmethod
    def of(cls, client: Any, websocket: Any) -> DirectWriter | None:
        """Make the writer of a websocket; None unless it runs on green threads over an unencrypted connection."""
        connection: Any = getattr(getattr(websocket, "socket", None), "fd", None)
        lock = getattr(websocket, "_sendlock", None)
        encrypted = hasattr(connection, "cipher")
        if client is None or lock is None or encrypted or not hasattr(connection, "send"):
            return None
        if connection.gettimeout() != 0.0:
            return None
        return cls(client, connection, lock)

    def send(self, frame: bytes) -> bool:
        """Write a frame now; False if it has to go through the client's queue."""
        client = self._client
        if client.upgrading or not client.upgraded or client.closing or client.closed or client.queue.qsize():
            return False
        if not self._lock.acquire(blocking=False):
            return False  # another frame is being written
        try:
            written = self._connection.send(frame)
        except OSError:  # it would block, or is broken: Engine.IO will notice
            written = 0
        if 0 < written < len(frame):
            # The lock stays held, so that nothing is written between the two parts; finish() releases it.
            client.queue.put(Rest(frame[written:]))
            return True
        self._lock.release()
        return bool(written)

    def finish(self, websocket: Any, rest: Rest) -> None:
        """Write the rest of a frame, in the client's own green thread."""
        try:
            websocket.socket.sendall(rest.data)
        finally:
            self._lock.release()


#: Number of clients after which other green threads run; that many take a few milliseconds.
YIELD_EVERY = 250


class IndexedRooms(Manager):  # type: ignore[misc]
    """python-socketio's manager with an index of the rooms of each socket, so that a disconnect needs no scan of all rooms.

    :param backlog: packets that may wait for one client; with more it is cut off.
    :param on_event: called with each event that goes to a room, and its payload.
    """

    def __init__(self, backlog: int, on_event: Callable[[str, Any], None] | None = None) -> None:
        super().__init__()
        self._backlog = backlog
        self._on_event = on_event
        self._rooms_of: dict[tuple[str, str], dict[str | None, None]] = {}

    def basic_enter_room(self, sid: str, namespace: str, room: str | None, eio_sid: str | None = None) -> None:
        super().basic_enter_room(sid, namespace, room, eio_sid=eio_sid)
        self._rooms_of.setdefault((namespace, sid), {})[room] = None

    def basic_leave_room(self, sid: str, namespace: str, room: str | None) -> None:
        super().basic_leave_room(sid, namespace, room)
        self._rooms_of.get((namespace, sid), {}).pop(room, None)

    def basic_disconnect(self, sid: str, namespace: str, **options: Any) -> None:
        for room in list(self._rooms_of.pop((namespace, sid), ())):
            super().basic_leave_room(sid, namespace, room)
        self.callbacks.pop(sid, None)
        for pending in (self.pending_connect, self.pending_disconnect):
            if sid in pending.get(namespace, ()):
                pending[namespace].remove(sid)
                if not pending[namespace]:
                    del pending[namespace]

    def get_rooms(self, sid: str, namespace: str) -> list[str]:
        return [room for room in self._rooms_of.get((namespace, sid), ()) if room is not None]

    def deliver(self, eio_sid: str, packets: list[engine_packet.Packet]) -> None:
        """Put packets into the queue of one client; cut the client off if too many wait there already."""
        client = self.server.eio.sockets.get(eio_sid)
        if client is not None and not client.closed and client.queue.qsize() >= self._backlog:
            log.warning("Closing the connection of a client that does not read its messages")
            client.close(wait=False)
            return
        for each in packets:
            self.server._send_eio_packet(eio_sid, each)  # Flask-SocketIO's test client replaces this method

    def emit(
        self,
        event: str,
        data: Any,
        namespace: str,
        room: Any = None,
        skip_sid: Any = None,
        callback: Any = None,
        to: Any = None,
        **options: Any,
    ) -> None:
        if self._on_event is not None:
            self._on_event(event, data)
        if callback or skip_sid:
            super().emit(event, data, namespace, room=room, skip_sid=skip_sid, callback=callback, to=to, **options)
        elif namespace in self.rooms:
            self.broadcast(self._encoded(event, data, namespace), self.get_participants(namespace, to or room))

    def broadcast(self, packets: list[engine_packet.Packet], participants: Any) -> None:
        """Send packets to every participant, ``(sid, eio_sid)``."""
        for number, (_, eio_sid) in enumerate(participants, start=1):
            self.deliver(eio_sid, packets)
            if number % YIELD_EVERY == 0:
                self.server.sleep(0)

    def _encoded(self, event: str, data: Any, namespace: str) -> list[engine_packet.Packet]:
        arguments = list(data) if isinstance(data, tuple) else [] if data is None else [data]
        encoded = self.server.packet_class(packet.EVENT, namespace=namespace, data=[event, *arguments]).encode()
        parts = encoded if isinstance(encoded, list) else [encoded]
        return [engine_packet.Packet(engine_packet.MESSAGE, part) for part in parts]


class FramedRooms(IndexedRooms):
    """Builds the frame of an event once for all members of a room."""

    def broadcast(self, packets: list[engine_packet.Packet], participants: Any) -> None:
        if len(packets) > 1:  # with binary attachments
            super().broadcast(packets, participants)
            return
        frame = text_frame(packets[0].encode())
        sockets = self.server.eio.sockets
        for number, (_, eio_sid) in enumerate(participants, start=1):
            writer = getattr(sockets.get(eio_sid), "direct_writer", None)
            if writer is None or not writer.send(frame):
                self.deliver(eio_sid, packets)
            if number % YIELD_EVERY == 0:
                self.server.sleep(0)
