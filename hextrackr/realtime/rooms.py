"""The members of each room, and sending an event to all of them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from engineio import packet as engine_packet
from socketio import Manager, packet

from .broadcast import text_frame

log = logging.getLogger(__name__)

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
    """Builds the frame of an event once for all members of a room (see :mod:`.broadcast`)."""

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
