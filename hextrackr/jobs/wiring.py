"""Builds the supervisor of one app from its settings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from hextrackr.db.files import make_durable
from hextrackr.domain.models import Import
from hextrackr.extensions import db, socketio
from hextrackr.ingest.job import Job

from . import file_cleanup, process_id
from .backups.operation_log import OperationLog
from .backups.service import BackupService
from .cancellation import Cancellation
from .leases import Leases
from .maintenance_lock import MaintenanceLock
from .progress_reporter import ProgressReporter
from .queue import ImportQueue
from .snapshots import ImportSnapshots
from .supervisor import Supervisor

if TYPE_CHECKING:
    from flask import Flask

    from hextrackr.config import Config
    from hextrackr.redis import Shared


#: How long the end of the server waits for Redis to take the last events, in seconds.
STOP_FLUSH = 1.0


def init_app(app: Flask, config: Config) -> None:
    """Give the app its import registry, snapshots and supervisor; nothing runs before :func:`start`."""
    tracker = app.extensions["progress_tracker"]
    shared: Shared | None = app.extensions["shared"]
    with app.app_context():
        import_queue = ImportQueue(db.engine, socketio.sleep)
        leases = Leases(db.engine, socketio.sleep, process_id.own())
    uploads = upload_folder(config)

    def job_of(record: Import) -> Job:
        return Job(
            import_id=record.id,
            epoch=record.epoch,
            database_url=config.database_url,
            upload=str(file_cleanup.upload_path(uploads, record.upload)),
            spill=str(config.INSTANCE_PATH / "spill" / file_cleanup.spill_name(record.id, record.epoch)),
            memory_limit=config.DUCKDB_MEMORY_LIMIT,
            guard_percent=config.RESOLVE_GUARD_PERCENT,
            date_order=record.date_order,
            instance=str(config.INSTANCE_PATH),
        )

    app.extensions["import_queue"] = import_queue
    app.extensions["import_snapshots"] = ImportSnapshots(
        tracker, import_queue, (lambda: shared.sessions.reachable) if shared else None
    )
    supervisor = app.extensions["import_supervisor"] = Supervisor(
        import_queue,
        leases,
        ProgressReporter(tracker),
        job_of=job_of,
        tidy=lambda: file_cleanup.tidy(config.INSTANCE_PATH, import_queue.uploads(), leases.held()),
        cancellation=Cancellation(config.INSTANCE_PATH, socketio.sleep),
        lock=MaintenanceLock(config.INSTANCE_PATH, socketio.sleep),
        instance=str(config.INSTANCE_PATH),
        start_task=socketio.start_background_task,
        sleep=socketio.sleep,
        database_url=config.database_url,
        niceness=config.IMPORTER_NICENESS,
        memory_limit=config.importer_memory,
        wake_workers=_notifier(config, shared),
        alone=shared is None,
    )
    backup_service = app.extensions["backup_service"] = BackupService(
        supervisor,
        tracker,
        OperationLog(config.INSTANCE_PATH / "operations", app.extensions["offload"]),
        import_queue,
        config.INSTANCE_PATH,
        config.database_url,
        start_task=socketio.start_background_task,
    )
    app.extensions["import_snapshots"].others = backup_service.snapshot


def _notifier(config: Config, shared: Shared | None) -> Callable[[int], None] | None:
    """What wakes the workers, if imports run there: the seam between the two ways to run them."""
    if config.IMPORT_WORKERS == "embedded" or shared is None:
        return None
    from .notify import WorkerNotifier

    return WorkerNotifier(config.REDIS_URL, shared, socketio.start_background_task).ring


def start(app: Flask) -> None:
    """Begin to work in this process; called by the server once it has forked, and by nothing else."""
    supervisor: Supervisor = app.extensions["import_supervisor"]
    supervisor.start()
    app.extensions["backup_service"].operations()  # what a process that is gone had begun is found out now


def stop(app: Flask) -> None:
    """Stop to work: a running import ends where it is, the next start goes on with it, and the sockets are told and closed."""
    supervisor: Supervisor = app.extensions["import_supervisor"]
    supervisor.stop_gently()
    socketio.sleep(2 * app.config["PROGRESS_INTERVAL_MS"] / 1000)  # what the throttle has held back goes out
    socketio.server.eio.disconnect()
    flush(app)
    shared: Shared | None = app.extensions["shared"]
    if shared is not None:
        shared.publisher.stop()


def flush(app: Flask) -> None:
    """Wait for what other processes are still to be told by this one, before it ends."""
    shared: Shared | None = app.extensions["shared"]
    if shared is not None:
        shared.publisher.flush(STOP_FLUSH)


def upload_folder(config: Config) -> Path:
    """Where uploads are stored; made if it is missing."""
    folder = config.INSTANCE_PATH / "uploads"
    if not folder.is_dir():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        make_durable(folder.parent)
    return folder
