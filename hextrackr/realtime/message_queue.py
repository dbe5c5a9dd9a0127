"""Rooms whose members are spread over several processes: an event emitted in one process reaches all of them through Redis.

The messages have the format of python-socketio's own managers, so any program may emit with a write-only ``socketio.RedisManager`` on
the channel ``hextrackr``.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from redis.exceptions import RedisError
from socketio import PubSubManager

from hextrackr import redis
from hextrackr.progress import protocol
from hextrackr.redis import Shared

from .broadcast import FramedRooms, IndexedRooms

log = logging.getLogger(__name__)

CHANNEL = "hextrackr"
#: Seconds until the next attempt to subscribe.
RETRY = 1.0


class _Queued(PubSubManager):  # type: ignore[misc]
    """Publishes events to Redis; a mixin for the managers of :mod:`.broadcast`, which send them to the members in this process.

    :param shared: the connection to Redis.
    """

    def __init__(self, backlog: int, on_event: Callable[[str, Any], None] | None, shared: Shared) -> None:
        IndexedRooms.__init__(self, backlog, on_event)  # a later base of both subclasses
        self.channel = CHANNEL
        self.write_only = False
        self.host_id = uuid.uuid4().hex
        self._shared = shared

    def emit(self, event: str, data: Any, namespace: str, room: Any = None, to: Any = None, **options: Any) -> None:
        """Emit to a room in every process; an event for one socket of this process stays here."""
        room = to or room
        if isinstance(room, str) and self.is_connected(room, namespace):
            options["ignore_queue"] = True
        super().emit(event, data, namespace, room=room, **options)

    def _publish(self, data: dict[str, Any]) -> None:
        update = data["method"] == "emit" and data["event"] == protocol.UPDATE
        subject = str(data.get("room", "")).removeprefix(protocol.room(""))
        self._shared.publisher.publish(subject, CHANNEL, self.json.dumps(data), required=not update)

    def _listen(self) -> Iterator[bytes]:
        """Yield the messages of all processes, for as long as this one lives."""
        client = redis.listener(self._shared.url)
        while True:
            try:
                with client.pubsub(ignore_subscribe_messages=True) as channel:  # type: ignore[no-untyped-call]
                    channel.subscribe(CHANNEL)
                    yield from (message["data"] for message in channel.listen())
            except (RedisError, OSError) as error:
                log.debug("The subscription has ended: %s", error)
            self.server.sleep(RETRY)


class QueuedRooms(_Queued, IndexedRooms):  # type: ignore[misc]
    """Sends through the queues of Engine.IO."""


class QueuedFramedRooms(_Queued, FramedRooms):  # type: ignore[misc]
    """Sends one frame to all sockets of a process."""
