"""Commands of ``flask``, beside ``flask db ...`` of the migrations."""

from __future__ import annotations

import shutil
import time
import uuid
from pathlib import Path
from typing import Any

import click
from flask import Flask, current_app

from . import extensions
from .errors import HexTrackrError
from .models.imports import FINISHED, RUNNING, ImportMode, ImportState
from .workers import cancellation, janitor, snapshots
from .workers.registry import now_ms


def init_app(app: Flask) -> None:
    """Register the commands."""
    app.cli.add_command(import_csv)
    app.cli.add_command(cancel_import)


@click.command("import-csv")
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--source", default="", help="Label of the feed, where there are several of one scanner.")
@click.option("--mode", type=click.Choice([mode.value for mode in ImportMode]), default="full", show_default=True)
@click.option("--scan-date", type=click.DateTime(["%Y-%m-%d"]), help="Default: what the file says.")
@click.option("--confirm", is_flag=True, help="Agree beforehand to resolve more than half of the source.")
def import_csv(path: Path, source: str, mode: str, scan_date: Any, confirm: bool) -> None:
    """Import the scanner export at PATH and print what it did.

    Runs in an importer process of its own, so the server may be running or not.
    """
    stored = janitor.upload_name("csv")
    shutil.copyfile(path, Path(current_app.config["INSTANCE_PATH"], "uploads", stored))
    import_id = extensions.import_registry.add(
        session_id=str(uuid.uuid4()),
        filename=path.name,
        file_size=path.stat().st_size,
        upload=stored,
        source_label=source,
        mode=mode,
        scan_date=scan_date.date() if scan_date else None,
        confirmed=confirm,
    )
    record = extensions.import_supervisor.run_alone(import_id)
    if record.state == ImportState.COMPLETED:
        click.echo(snapshots.completion_message(record))
    elif record.state == ImportState.AWAITING_CONFIRMATION:
        raise click.ClickException(snapshots.confirmation(record)[0])
    else:
        error = snapshots.error_of(record) or HexTrackrError().record()
        raise click.ClickException(f"{error['code']}: {error['detail']}")


@click.command("cancel-import")
@click.argument("import_id", type=int)
def cancel_import(import_id: int) -> None:
    """Cancel the import with this number, whoever works on it."""
    registry, instance = extensions.import_registry, Path(current_app.config["INSTANCE_PATH"])
    record = registry.get(import_id)
    if record is None:
        raise click.ClickException("There is no import with this number.")
    if record.state in RUNNING and record.lease_until >= now_ms():
        cancellation.request(instance, import_id)
        while record.state not in FINISHED:
            time.sleep(0.05)
            record = registry.get(import_id) or record
        cancellation.settle(instance, import_id)
    elif record.state not in FINISHED:
        extensions.import_supervisor.cancel(import_id)
        record = registry.get(import_id) or record
    if record.state != ImportState.CANCELLED:
        raise click.ClickException(f"This import has already ended: it is {record.state}.")
    click.echo("The import was cancelled; no finding was changed.")
