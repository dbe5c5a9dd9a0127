"""Rooms whose members are spread over several processes: what is emitted in one of them reaches all, through Redis.

The messages are those of python-socketio's own managers: any program with a write-only ``socketio.RedisManager`` on the channel
``hextrackr`` is understood.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from redis.exceptions import RedisError
from socketio import PubSubManager

from hextrackr.progress import protocol
from hextrackr.redis import Shared, redis_client

from .rooms import FramedRooms, IndexedRooms

log = logging.getLogger(__name__)

CHANNEL = "hextrackr"
#: Seconds until the next try to subscribe.
RETRY = 1.0


class _Queued(PubSubManager):  # type: ignore[misc]
    """Comes before one of the managers of :mod:`.rooms`, which then tells the members of this process: one frame for all of them.

    :param shared: what leads to the other processes.
    """

    def __init__(self, backlog: int, heard: Callable[[str, Any], None] | None, shared: Shared) -> None:
        IndexedRooms.__init__(self, backlog, heard)  # which it is, further on in the order of classes
        self.channel = CHANNEL
        self.write_only = False
        self.host_id = uuid.uuid4().hex
        self._shared = shared

    def emit(self, event: str, data: Any, namespace: str, room: Any = None, to: Any = None, **options: Any) -> None:
        """Emit to a room in every process; what goes to one socket of this process stays here."""
        room = to or room
        if isinstance(room, str) and self.is_connected(room, namespace):
            options["ignore_queue"] = True
        super().emit(event, data, namespace, room=room, **options)

    def _publish(self, data: dict[str, Any]) -> None:
        update = data["method"] == "emit" and data["event"] == protocol.UPDATE
        subject = str(data.get("room", "")).removeprefix(protocol.room(""))
        self._shared.publisher.publish(subject, CHANNEL, self.json.dumps(data), required=not update)

    def _listen(self) -> Iterator[bytes]:
        """What the other processes say, for as long as this one lives."""
        client = redis_client.listener(self._shared.url)
        while True:
            try:
                with client.pubsub(ignore_subscribe_messages=True) as channel:  # type: ignore[no-untyped-call]
                    channel.subscribe(CHANNEL)
                    yield from (message["data"] for message in channel.listen())
            except (RedisError, OSError) as error:
                log.debug("The subscription has ended: %s", error)
            self.server.sleep(RETRY)


class QueuedRooms(_Queued, IndexedRooms):  # type: ignore[misc]
    """With the libraries' own way to the sockets."""


class QueuedFramedRooms(_Queued, FramedRooms):  # type: ignore[misc]
    """With one frame for all sockets of a process."""
