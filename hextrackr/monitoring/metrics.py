"""The metrics of one app, counted from the events of imports and served at ``/metrics``.

Every web process sends the events of all imports to its clients, whichever process runs them, so each web process counts all imports.
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

#: Upper bounds of the buckets, in seconds.
STEP_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)
LAG_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
#: Seconds without an update after which an import no longer counts as running.
QUIET = 5.0
_ENDS = (protocol.COMPLETE, protocol.ERROR)

# Without this, each counter has another metric with its creation time.
disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics:
    """The metrics of one app, in their own registry, so that several apps in one process do not conflict.

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
            "Ended imports by outcome: completed, or the error code.",
            ["outcome"],
            registry=registry,
        )
        self._ended.labels("completed")  # report 0 until there is one
        self._rows = Counter("hextrackr_import_rows", "Rows read by completed imports.", registry=registry)
        self._rejects = Counter("hextrackr_import_rejects", "Rows rejected by completed imports.", registry=registry)
        self._seconds = Histogram(
            "hextrackr_import_seconds",
            "Duration of completed imports.",
            buckets=STEP_BUCKETS,
            registry=registry,
        )
        self._phases = Histogram(
            "hextrackr_import_phase_seconds",
            "Duration of each phase of completed imports.",
            ["phase"],
            buckets=STEP_BUCKETS,
            registry=registry,
        )
        self._events = Counter("hextrackr_events", "Events sent to rooms, by name.", ["event"], registry=registry)
        lag = Histogram(
            "hextrackr_event_loop_lag_seconds",
            "Delay of the event loop.",
            buckets=LAG_BUCKETS,
            registry=registry,
        )
        self._loop_lag = LoopLag(socketio.start_background_task, socketio.sleep, lag.observe)
        ProcessCollector(registry=registry)

    def text(self) -> bytes:
        """Return all metrics in the text format of Prometheus. The first call starts measuring the lag of the event loop."""
        self._loop_lag.start()
        return generate_latest(self.registry)

    def on_event(self, event: str, payload: Any) -> None:
        """Count an event that is sent to the clients of this process."""
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
        """Return the total speed of all running imports."""
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
