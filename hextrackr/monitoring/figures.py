"""Counts what the events of imports tell, whichever process the imports run in: every web process sends all of them to its clients."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from hextrackr.progress import protocol
from hextrackr.workers.snapshots import OPERATION

from .histogram import Histogram

#: Upper ends of the buckets, in seconds.
STEP_BOUNDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)
#: An import that has told no rate for so long does not count as running, in seconds.
QUIET = 5.0
_ENDS = (protocol.COMPLETE, protocol.ERROR)


class Figures:
    """The figures of one process since it was started.

    :ivar events: events sent to rooms, by name.
    :ivar ended: imports by how they ended: ``completed`` or the code of their error.
    :ivar steps: seconds that a step of an import has taken, by its name.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._rates: dict[str, tuple[float, float]] = {}
        self.events: Counter[str] = Counter()
        self.ended: Counter[str] = Counter()
        self.rows = 0
        self.rejected = 0
        self.seconds = Histogram(STEP_BOUNDS)
        self.steps: dict[str, Histogram] = {}

    def heard(self, event: str, payload: Any) -> None:
        """An event goes out to the clients of this process."""
        if event != protocol.UPDATE and event not in _ENDS:
            return
        session = payload.get("sessionId")
        metadata = payload.get("metadata", {})
        if session is None:
            return
        self.events[event] += 1
        if metadata.get("operation") != OPERATION:
            return
        if event == protocol.UPDATE:
            self._rates[session] = (self._clock(), float(metadata.get("rowsPerSecond", 0)))
        else:
            self._rates.pop(session, None)
            self._end(payload, metadata)

    def rows_per_second(self) -> float:
        """How fast the imports that run now read and store, together."""
        since = self._clock() - QUIET
        self._rates = {session: told for session, told in self._rates.items() if told[0] > since}
        return sum(rate for _, rate in self._rates.values())

    def _end(self, payload: Any, metadata: dict[str, Any]) -> None:
        if payload["status"] == "error":
            self.ended[payload["error"]["code"]] += 1
            return
        self.ended["completed"] += 1
        self.rows += metadata.get("rowsRead", 0)
        self.rejected += metadata.get("rejected", 0)
        self.seconds.observe((payload.get("duration") or 0) / 1000)
        for step, seconds in metadata.get("stepSeconds", {}).items():
            self.steps.setdefault(step, Histogram(STEP_BOUNDS)).observe(seconds)
