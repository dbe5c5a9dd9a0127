"""A model of what other existing clients draw for the events that they receive.

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
#: The time (ms) at which an event is sent or arrives, its name and its snapshot.
Event = tuple[float, str, dict[str, Any]]


def with_jitter(events: Iterable[Event], seed: int) -> list[Event]:
    """Delay the events as a network does: each by up to 60 ms, in their order."""
    chance, arrived, last = Random(seed), [], 0.0
    for at, event, snapshot in events:
        last = max(last, at + chance.uniform(0, JITTER))
        arrived.append((last, event, snapshot))
    return arrived


def drawn(events: Iterable[Event]) -> list[str]:
    """What such a client draws, in order: the message of each update, and ``end``, ``error`` if it shows one."""
    pictures: list[str] = []
    last = float("-inf")
    delayed: tuple[float, str] | None = None
    for at, event, snapshot in events:
        if delayed is not None and delayed[0] <= at:
            pictures.append(delayed[1])
            last, delayed = delayed[0], None
        if event == "progress-update":
            if at - last < THROTTLE:
                delayed = at + THROTTLE, snapshot["message"]
            else:
                last = at
                pictures.append(snapshot["message"])
        elif event == "progress-complete" or (event == "progress-status" and snapshot["status"] == "completed"):
            pictures.append("end")
        elif event == "progress-status" and snapshot["status"] == "error":
            pictures.append("error")
    return pictures if delayed is None else [*pictures, delayed[1]]
