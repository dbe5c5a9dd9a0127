"""Builds the supervisor of one app from its settings."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from hextrackr.extensions import db, socketio
from hextrackr.importing.job import Job
from hextrackr.models import Import

from .announcer import Announcer
from .registry import ImportRegistry
from .snapshots import ImportSnapshots
from .supervisor import Supervisor

if TYPE_CHECKING:
    from flask import Flask

    from config import Config


def init_app(app: Flask, config: Config) -> None:
    """Give the app its import registry, snapshots and supervisor; nothing runs before :func:`start`."""
    tracker = app.extensions["progress_tracker"]
    with app.app_context():
        registry = ImportRegistry(db.engine, socketio.sleep)
    uploads = upload_folder(config)

    def job_of(record: Import) -> Job:
        return Job(
            import_id=record.id,
            database_url=config.database_url,
            upload=str(uploads / record.upload),
            spill=str(config.INSTANCE_PATH / "spill" / str(record.id)),
            memory_limit=config.DUCKDB_MEMORY_LIMIT,
            guard_percent=config.RESOLVE_GUARD_PERCENT,
            date_order=record.date_order,
        )

    app.extensions["import_registry"] = registry
    app.extensions["import_snapshots"] = ImportSnapshots(tracker, registry)
    app.extensions["import_supervisor"] = Supervisor(
        registry,
        Announcer(tracker),
        job_of=job_of,
        start_task=socketio.start_background_task,
        sleep=socketio.sleep,
        database_url=config.database_url,
    )


def start(app: Flask) -> None:
    """Begin to work in this process; called by the server once it has forked, and by nothing else."""
    registry: ImportRegistry = app.extensions["import_registry"]
    supervisor: Supervisor = app.extensions["import_supervisor"]
    shutil.rmtree(Path(app.config["INSTANCE_PATH"], "spill"), ignore_errors=True)
    supervisor.start()
    needed = registry.uploads()
    for stored in Path(app.config["INSTANCE_PATH"], "uploads").glob("*"):
        if stored.name not in needed:
            stored.unlink(missing_ok=True)


def upload_folder(config: Config) -> Path:
    """Where uploads are stored; made if it is missing."""
    folder = config.INSTANCE_PATH / "uploads"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
