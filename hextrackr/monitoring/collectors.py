"""Metrics that are measured when Prometheus scrapes: database, sockets, reader, disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from hextrackr import __version__
from hextrackr.domain.models import Import, ImportState
from hextrackr.extensions import db, socketio
from hextrackr.progress import protocol

from . import readiness

if TYPE_CHECKING:
    from flask import Flask

    from hextrackr.readmodel.client import Reader


def register_gauges(registry: CollectorRegistry, app: Flask, rows_per_second: Callable[[], float]) -> None:
    """Register the gauges that have one value each."""

    def gauge(name: str, documentation: str, value: Callable[[], float]) -> None:
        Gauge(name, documentation, registry=registry).set_function(value)

    reader: Reader = app.extensions["reader"]
    build = Gauge("hextrackr_build_info", "The version that runs.", ["version"], registry=registry)
    build.labels(__version__).set(1)
    gauge(
        "hextrackr_store_up",
        "Whether the store of live sessions answers.",
        lambda: app.extensions["store_check"]() == readiness.OK,
    )
    gauge("hextrackr_import_rows_per_second", "Speed of the imports that run, together.", rows_per_second)
    gauge("hextrackr_sockets", "Open sockets of clients.", lambda: len(socketio.server.eio.sockets))
    gauge("hextrackr_rooms", "Sessions that somebody watches.", _rooms)
    gauge("hextrackr_reader_up", "Whether the process that answers lists runs.", lambda: reader.pid is not None)
    gauge("hextrackr_reader_starts", "How often it was started.", lambda: reader.starts)
    gauge("hextrackr_reader_resident_bytes", "What it holds in memory.", lambda: _resident_bytes(reader.pid))
    gauge(
        "hextrackr_disk_free_bytes",
        "Space left for the data folder.",
        lambda: shutil.disk_usage(app.config["INSTANCE_PATH"]).free,
    )


def _resident_bytes(pid: int | None) -> float:
    """Bytes of a process that are in memory; 0 without a process, or if the system does not report it."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _rooms() -> int:
    rooms = list(socketio.server.manager.rooms.get("/", {}))
    return sum(str(room).startswith(protocol.room("")) for room in rooms)


class DatabaseCollector(Collector):
    """Counts the import rows by state: the same in every process of one database. Without a database only ``hextrackr_database_up``."""

    def __init__(self, app: Flask) -> None:
        self._app = app

    def describe(self) -> list[Metric]:
        """Describe nothing, so that the registration does not query the database."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Count the imports by their states."""
        up = GaugeMetricFamily("hextrackr_database_up", "Whether the database answers.")
        try:
            with self._app.app_context():
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
