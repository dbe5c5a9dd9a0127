"""What other clients in use draw of the events that reach them.

They draw an update at once, unless it comes less than 100 ms after the one that was drawn last: then they keep it and draw it 100 ms later,
whatever has come by then, unless another update has taken its place. They know no ``progress-error``, and look at a ``progress-status``
only to learn that the operation has ended.
"""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import Any

THROTTLE = 100
JITTER = 60
#: When an event leaves or arrives (ms), its name and its snapshot.
Event = tuple[float, str, dict[str, Any]]


def with_jitter(events: Iterable[Event], seed: int) -> list[Event]:
    """The events as a network brings them that takes up to 60 ms for each, and keeps their order."""
    chance, arrived, last = Random(seed), [], 0.0
    for at, event, snapshot in events:
        last = max(last, at + chance.uniform(0, JITTER))
        arrived.append((last, event, snapshot))
    return arrived


def drawn(events: Iterable[Event]) -> list[str]:
    """What such a client draws, in this order: the message of each update, and ``end``, ``error`` where it shows one."""
    pictures: list[str] = []
    last = float("-inf")
    kept: tuple[float, str] | None = None
    for at, event, snapshot in events:
        if kept is not None and kept[0] <= at:
            pictures.append(kept[1])
            last, kept = kept[0], None
        if event == "progress-update":
            if at - last < THROTTLE:
                kept = at + THROTTLE, snapshot["message"]
            else:
                last = at
                pictures.append(snapshot["message"])
        elif event == "progress-complete" or (event == "progress-status" and snapshot["status"] == "completed"):
            pictures.append("end")
        elif event == "progress-status" and snapshot["status"] == "error":
            pictures.append("error")
    return pictures if kept is None else [*pictures, kept[1]]
