"""The metrics of one app, served at ``/metrics``: counted from the events of imports, or measured when Prometheus scrapes.

Every web process sends the events of all imports to its clients, whichever process runs them, so each of them counts all imports. Database,
sockets, reader, disk and the lag of the event loop, the delay that every request has, are measured.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from hextrackr import __version__
from hextrackr.domain.models import Import, ImportState
from hextrackr.extensions import db, socketio
from hextrackr.jobs.snapshots import OPERATION
from hextrackr.progress import protocol

from . import readiness

if TYPE_CHECKING:
    from flask import Flask

    from hextrackr.readmodel.client import Reader

#: Seconds between two ticks.
TICK = 0.25


class LoopLag:
    """Sleeps for a fixed interval again and again, and reports how late it wakes up.

    :param start_task: starts a background task.
    :param sleep: waits (seconds) in the background task.
    :param observe: called with each delay in seconds.
    """

    def __init__(
        self, start_task: Callable[..., Any], sleep: Callable[[float], Any], observe: Callable[[float], None]
    ) -> None:
        self._start_task = start_task
        self._sleep = sleep
        self._observe = observe
        self._ticking = False

    def start(self) -> None:
        """Start measuring, unless already started."""
        if not self._ticking:
            self._ticking = True
            self._start_task(self._tick)

    def _tick(self) -> None:
        while True:
            due = time.monotonic() + TICK
            self._sleep(TICK)
            self._observe(max(0.0, time.monotonic() - due))


def register_gauges(registry: CollectorRegistry, app: Flask, rows_per_second: Callable[[], float]) -> None:
    """Register the gauges that have a single value."""

    def gauge(name: str, documentation: str, value: Callable[[], float]) -> None:
        Gauge(name, documentation, registry=registry).set_function(value)

    reader: Reader = app.extensions["reader"]
    build = Gauge("hextrackr_build_info", "The running version.", ["version"], registry=registry)
    build.labels(__version__).set(1)
    gauge(
        "hextrackr_store_up",
        "Whether the store of live sessions is available.",
        lambda: app.extensions["store_check"]() == readiness.OK,
    )
    gauge("hextrackr_import_rows_per_second", "Total speed of the running imports.", rows_per_second)
    gauge("hextrackr_sockets", "Open sockets of clients.", lambda: len(socketio.server.eio.sockets))
    gauge("hextrackr_rooms", "Progress sessions with at least one watching client.", _rooms)
    gauge("hextrackr_reader_up", "Whether the reader process is running.", lambda: reader.pid is not None)
    gauge("hextrackr_reader_starts", "Starts of the reader process.", lambda: reader.starts)
    gauge(
        "hextrackr_reader_resident_bytes", "Resident memory of the reader process.", lambda: _resident_bytes(reader.pid)
    )
    gauge(
        "hextrackr_disk_free_bytes",
        "Free disk space for the data folder.",
        lambda: shutil.disk_usage(app.config["INSTANCE_PATH"]).free,
    )


def _resident_bytes(pid: int | None) -> float:
    """Return the resident memory of a process in bytes; 0 if there is no process, or the system does not report it."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _rooms() -> int:
    rooms = list(socketio.server.manager.rooms.get("/", {}))
    return sum(str(room).startswith(protocol.room("")) for room in rooms)


class DatabaseCollector(Collector):
    """Counts imports by state, which are the same in all processes; if the database fails, yields only ``hextrackr_database_up``."""

    def __init__(self, app: Flask) -> None:
        self._app = app

    def describe(self) -> list[Metric]:
        """Return no description, so that the registration does not query the database."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Count the imports by state."""
        up = GaugeMetricFamily("hextrackr_database_up", "Whether the database is available.")
        try:
            with self._app.app_context():
                by_state = select(Import.state, func.count()).group_by(Import.state)
                counts: dict[str, int] = {state: count for state, count in db.session.execute(by_state)}
        except SQLAlchemyError:
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 1)
        yield up
        states = GaugeMetricFamily("hextrackr_imports", "Imports by state.", labels=["state"])
        for state in ImportState:
            states.add_metric([state], counts.get(state, 0))
        yield states
        queued = counts.get(ImportState.QUEUED, 0)
        yield GaugeMetricFamily("hextrackr_import_queue_depth", "Queued imports.", value=queued)


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
