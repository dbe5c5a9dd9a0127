"""Metrics that are measured at each scrape: database, sockets, reader process, disk."""

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
