"""The metrics of one app: counts what the events of imports say, and answers ``/metrics``.

Every web process sends the events of all imports to its clients, whichever process runs them, so that each counts all of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from hextrackr.extensions import socketio
from hextrackr.jobs.snapshots import OPERATION
from hextrackr.progress import protocol

from .collectors import DatabaseCollector, register_gauges
from .looplag import LoopLag

if TYPE_CHECKING:
    from flask import Flask

#: Upper ends of the buckets, in seconds.
STEP_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)
LAG_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
#: An import that has sent no rate for so long does not count as running, in seconds.
QUIET = 5.0
_ENDS = (protocol.COMPLETE, protocol.ERROR)

# Else each counter also says when it began.
disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics:
    """The metrics of one app since it was started, in a registry of its own: several apps in one process do not collide.

    :param clock: monotonic seconds.
    """

    CONTENT_TYPE = CONTENT_TYPE_LATEST

    def __init__(self, app: Flask, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._rates: dict[str, tuple[float, float]] = {}
        self.registry = registry = CollectorRegistry()
        register_gauges(registry, app, self.rows_per_second)
        registry.register(DatabaseCollector(app))
        self._ended = Counter(
            "hextrackr_imports_ended",
            "Imports that have ended, by how: completed, or the code of their error.",
            ["outcome"],
            registry=registry,
        )
        self._ended.labels("completed")  # 0 until there is one
        self._rows = Counter("hextrackr_import_rows", "Rows read by completed imports.", registry=registry)
        self._rejects = Counter("hextrackr_import_rejects", "Rows that completed imports rejected.", registry=registry)
        self._seconds = Histogram(
            "hextrackr_import_seconds",
            "From the upload to the end of completed imports.",
            buckets=STEP_BUCKETS,
            registry=registry,
        )
        self._phases = Histogram(
            "hextrackr_import_phase_seconds",
            "Seconds of each phase.",
            ["phase"],
            buckets=STEP_BUCKETS,
            registry=registry,
        )
        self._events = Counter("hextrackr_events", "Events sent to rooms, by name.", ["event"], registry=registry)
        lag = Histogram(
            "hextrackr_event_loop_lag_seconds",
            "How late the event loop comes round.",
            buckets=LAG_BUCKETS,
            registry=registry,
        )
        self._loop_lag = LoopLag(socketio.start_background_task, socketio.sleep, lag.observe)
        ProcessCollector(registry=registry)

    def text(self) -> bytes:
        """All metrics as they are now, in the text format of Prometheus; the event loop is watched from the first call on."""
        self._loop_lag.start()
        return generate_latest(self.registry)

    def heard(self, event: str, payload: Any) -> None:
        """Count an event that goes out to the clients of this process."""
        if event != protocol.UPDATE and event not in _ENDS:
            return
        session = payload.get("sessionId")
        metadata = payload.get("metadata", {})
        if session is None:
            return
        self._events.labels(event).inc()
        if metadata.get("operation") != OPERATION:
            return
        if event == protocol.UPDATE:
            self._rates[session] = (self._clock(), float(metadata.get("rowsPerSecond", 0)))
        else:
            self._rates.pop(session, None)
            self._count_end(payload, metadata)

    def rows_per_second(self) -> float:
        """How fast the imports that run now read and store, together."""
        since = self._clock() - QUIET
        self._rates = {session: rate for session, rate in self._rates.items() if rate[0] > since}
        return sum(rate for _, rate in self._rates.values())

    def _count_end(self, payload: Any, metadata: dict[str, Any]) -> None:
        if payload["status"] == "error":
            self._ended.labels(payload["error"]["code"]).inc()
            return
        self._ended.labels("completed").inc()
        self._rows.inc(metadata.get("rowsRead", 0))
        self._rejects.inc(metadata.get("rejected", 0))
        self._seconds.observe((payload.get("duration") or 0) / 1000)
        for phase, seconds in metadata.get("stepSeconds", {}).items():
            self._phases.labels(phase).observe(seconds)
