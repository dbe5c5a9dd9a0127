"""The figures in the text format of Prometheus. The only module that loads ``prometheus_client``, when it is first needed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

from flask import current_app
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from hextrackr import __version__
from hextrackr.extensions import db, socketio
from hextrackr.models import Import
from hextrackr.models.imports import ImportState
from hextrackr.progress import protocol

from . import readiness
from .figures import Figures
from .histogram import Histogram
from .looplag import LoopLag

CONTENT_TYPE = CONTENT_TYPE_LATEST


class Exposition:
    """Answers ``/metrics`` for one app."""

    def __init__(self, figures: Figures, lag: LoopLag) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_AppCollector(figures, lag))
        ProcessCollector(registry=self._registry)

    def text(self) -> bytes:
        """All figures as they are now; within an app context."""
        return generate_latest(self._registry)


class _AppCollector(Collector):
    def __init__(self, figures: Figures, lag: LoopLag) -> None:
        self._figures = figures
        self._lag = lag

    def describe(self) -> list[Metric]:
        return []  # registering asks nobody for figures

    def collect(self) -> Iterator[Metric]:
        build = GaugeMetricFamily("hextrackr_build_info", "The version that runs.", labels=["version"])
        build.add_metric([__version__], 1)
        yield build
        yield from _of_database()
        stored = current_app.extensions["store_check"]() == readiness.OK
        yield GaugeMetricFamily("hextrackr_store_up", "Whether the store of live sessions answers.", value=int(stored))
        yield from _of_imports(self._figures)
        yield from _of_sockets(self._figures)
        yield _histogram("hextrackr_event_loop_lag_seconds", "How late the event loop comes round.", self._lag.seconds)
        free = shutil.disk_usage(current_app.config["INSTANCE_PATH"]).free
        yield GaugeMetricFamily("hextrackr_disk_free_bytes", "Space left for the data folder.", value=free)


def _of_database() -> Iterator[Metric]:
    """What the import rows say; the same in every process of one record."""
    up = GaugeMetricFamily("hextrackr_database_up", "Whether the database answers.")
    try:
        counting = select(Import.state, func.count()).group_by(Import.state)
        counted: dict[str, int] = {state: count for state, count in db.session.execute(counting)}
    except SQLAlchemyError:
        up.add_metric([], 0)
        yield up
        return
    up.add_metric([], 1)
    yield up
    states = GaugeMetricFamily("hextrackr_imports", "Imports on record, by state.", labels=["state"])
    for state in ImportState:
        states.add_metric([state], counted.get(state, 0))
    yield states
    waiting = counted.get(ImportState.QUEUED, 0)
    yield GaugeMetricFamily("hextrackr_import_queue_depth", "Imports that wait for their turn.", value=waiting)


def _of_imports(figures: Figures) -> Iterator[Metric]:
    ended = CounterMetricFamily(
        "hextrackr_imports_ended",
        "Imports that have ended, by how: completed, or the code of their error.",
        labels=["outcome"],
    )
    for outcome in {"completed", *figures.ended}:
        ended.add_metric([outcome], figures.ended[outcome])
    yield ended
    yield CounterMetricFamily("hextrackr_import_rows", "Rows read by completed imports.", value=figures.rows)
    yield CounterMetricFamily(
        "hextrackr_import_rejects", "Rows that completed imports rejected.", value=figures.rejected
    )
    yield GaugeMetricFamily(
        "hextrackr_import_rows_per_second", "Speed of the imports that run, together.", value=figures.rows_per_second()
    )
    yield _histogram("hextrackr_import_seconds", "From the upload to the end of completed imports.", figures.seconds)
    steps = HistogramMetricFamily("hextrackr_import_phase_seconds", "Seconds of each phase.", labels=["phase"])
    for step, histogram in figures.steps.items():
        steps.add_metric([step], buckets=histogram.buckets(), sum_value=histogram.sum)
    yield steps


def _of_sockets(figures: Figures) -> Iterator[Metric]:
    server: Any = socketio.server
    rooms = sum(1 for room in list(server.manager.rooms.get("/", {})) if str(room).startswith(protocol.room("")))
    yield GaugeMetricFamily("hextrackr_sockets", "Open sockets of clients.", value=len(server.eio.sockets))
    yield GaugeMetricFamily("hextrackr_rooms", "Sessions that somebody watches.", value=rooms)
    events = CounterMetricFamily("hextrackr_events", "Events sent to rooms, by name.", labels=["event"])
    for event, count in figures.events.items():
        events.add_metric([event], count)
    yield events


def _histogram(name: str, told: str, histogram: Histogram) -> Metric:
    return HistogramMetricFamily(name, told, buckets=histogram.buckets(), sum_value=histogram.sum)
