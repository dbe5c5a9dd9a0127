"""Build everything that runs the imports of one app from its settings; start and stop it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from hextrackr.db.engines import make_durable
from hextrackr.extensions import db, socketio

from .backups.service import BackupService, OperationLog
from .importer_process import ImporterProcess
from .lists import Lists
from .maintenance_lock import MaintenanceLock
from .progress_reporter import ProgressReporter
from .queue import ImportQueue
from .runner import Runner
from .service import ImportService
from .snapshots import ImportSnapshots
from .sources import SourceService
from .worker import Worker

if TYPE_CHECKING:
    from flask import Flask

    from hextrackr.config import Config
    from hextrackr.progress.tracker import ProgressTracker
    from hextrackr.redis import Shared


log = logging.getLogger(__name__)

#: Seconds that the stop of the server waits for Redis to accept the last events.
STOP_FLUSH = 1.0
#: Seconds that it waits for events that the tracker still delays.
DELAYED_FLUSH = 1.0


def init_app(app: Flask, config: Config) -> None:
    """Add import queue, snapshots, worker and services to the app; nothing runs before :func:`start`."""
    tracker = app.extensions["progress_tracker"]
    shared: Shared | None = app.extensions["shared"]
    instance, database_url = config.INSTANCE_PATH, config.database_url
    start_task, sleep = socketio.start_background_task, socketio.sleep
    _make_upload_folder(config)

    with app.app_context():
        import_queue = ImportQueue(db.engine, sleep)
    lock = MaintenanceLock(instance, sleep)
    importer = ImporterProcess(database_url, str(instance), config.IMPORTER_NICENESS, config.importer_memory)
    reporter = ProgressReporter(tracker)
    lists = Lists(app.extensions["reader"], start_task)
    runner = Runner(import_queue, importer, reporter, config, lists)
    notify = _notifier(config, shared)
    worker = Worker(
        import_queue, runner, importer, reporter, lock, lists, instance,
        start_task=start_task, sleep=sleep, takes_imports=notify is None, alone=shared is None,
    )  # fmt: skip
    service = ImportService(import_queue, worker, runner, reporter, config, notify=notify, sleep=sleep)
    operations = OperationLog(instance / "operations", app.extensions["offload"])
    backups = BackupService(
        worker, lock, tracker, operations, import_queue, instance, database_url, start_task, app.extensions["offload"]
    )
    reachable = (lambda: shared.sessions.reachable) if shared else (lambda: True)

    with app.app_context():
        app.extensions["source_service"] = SourceService(
            db.engine, worker, lock, lists, instance, database_url, sleep, tracker
        )
    app.extensions["maintenance_lock"] = lock
    app.extensions["import_queue"] = import_queue
    app.extensions["import_worker"] = worker
    app.extensions["import_service"] = service
    app.extensions["import_snapshots"] = ImportSnapshots(tracker, import_queue, backups.snapshot, reachable)
    app.extensions["backup_service"] = backups


def _notifier(config: Config, shared: Shared | None) -> Callable[[int], None] | None:
    """Return the function that wakes the worker processes, or None if imports run in this process."""
    if config.IMPORT_WORKERS == "embedded" or shared is None:
        return None
    from .celery_worker import WorkerNotifier

    return WorkerNotifier(config.REDIS_URL, shared, socketio.start_background_task).notify


def _make_upload_folder(config: Config) -> None:
    folder = config.INSTANCE_PATH / "uploads"
    if not folder.is_dir():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        make_durable(folder.parent)


def start(app: Flask) -> None:
    """Start the worker of this process; called only by the server, after it has forked."""
    worker: Worker = app.extensions["import_worker"]
    worker.start()
    app.extensions["backup_service"].operations()  # settles the operations of processes that have ended


def stop(app: Flask) -> None:
    """Stop the worker and close the sockets after a last update; a running import stops, and continues after the next start."""
    worker: Worker = app.extensions["import_worker"]
    worker.stop_gently()
    _wait_for_delayed_events(app)
    socketio.server.eio.disconnect()
    flush(app)
    shared: Shared | None = app.extensions["shared"]
    if shared is not None:
        shared.publisher.stop()


def flush(app: Flask) -> None:
    """Wait until the last events for other processes are sent, before this one ends."""
    shared: Shared | None = app.extensions["shared"]
    if shared is not None:
        _wait_for_delayed_events(app)
        shared.publisher.flush(STOP_FLUSH)


def _wait_for_delayed_events(app: Flask) -> None:
    """Wait for events that the tracker still delays."""
    tracker: ProgressTracker = app.extensions["progress_tracker"]
    deadline = time.monotonic() + DELAYED_FLUSH
    while tracker.has_waiting and time.monotonic() < deadline:
        socketio.sleep(0.02)
