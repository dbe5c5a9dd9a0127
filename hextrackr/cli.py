"""Commands of ``flask``, beside ``flask db ...`` of the migrations."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import click
from flask import Flask, current_app
from sqlalchemy.exc import DBAPIError

from . import database, extensions
from .backups import operations
from .backups.operations import Operation
from .causes import translated
from .errors import DatabaseBusy, DatabaseUnavailable, HexTrackrError
from .models.imports import FINISHED, RUNNING, ImportMode, ImportState
from .workers import cancellation, janitor, snapshots, wiring
from .workers.registry import now_ms


class _Explained(click.Command):
    """A command that says in one sentence that the database cannot be used."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (DBAPIError, HexTrackrError) as error:
            if isinstance(translated(error), DatabaseUnavailable | DatabaseBusy):
                raise click.ClickException(database.unusable(error)) from error
            raise


class _Group(_Explained, click.Group):
    """The same of a group of commands."""


class _Command(_Explained):
    """A command on the record: it begins only with the database of this version."""

    def invoke(self, ctx: click.Context) -> Any:
        if why := database.unready(current_app):
            raise click.ClickException(why)
        return super().invoke(ctx)


def init_app(app: Flask) -> None:
    """Register the commands."""
    for command in (import_csv, cancel_import, backup, restore, clear):
        app.cli.add_command(command)
    migrations = cast("click.Group", app.cli.commands["db"])
    app.cli.add_command(_Group("db", migrations.commands, callback=migrations.callback, help=migrations.help))


@click.command("import-csv", cls=_Command)
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
    upload = shutil.copyfile(path, Path(current_app.config["INSTANCE_PATH"], "uploads", stored))
    with upload.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    import_id = extensions.import_registry.add(
        session_id=str(uuid.uuid4()),
        filename=path.name,
        file_size=path.stat().st_size,
        upload=stored,
        digest=digest,
        source_label=source,
        mode=mode,
        scan_date=scan_date.date() if scan_date else None,
        confirmed=confirm,
    )
    record = extensions.import_supervisor.run_alone(import_id)
    wiring.flush(current_app)
    if record.state == ImportState.COMPLETED:
        click.echo(snapshots.completion_message(record))
    elif record.state == ImportState.AWAITING_CONFIRMATION:
        raise click.ClickException(snapshots.confirmation(record)[0])
    else:
        error = snapshots.error_of(record) or HexTrackrError().record()
        raise click.ClickException(f"{error['code']}: {error['detail']}")


@click.command("cancel-import", cls=_Command)
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


@click.command("backup", cls=_Command)
@click.argument("path", required=False, type=click.Path(dir_okay=False, path_type=Path))
def backup(path: Path | None) -> None:
    """Copy the record to PATH, or to the backup folder; the server may be running."""
    if path is not None and path.exists():
        raise click.ClickException("There is such a file already.")
    operation = _operation("backup")
    _keep_up(operation if path is None else replace(operation, backup=str(path.resolve())))


@click.command("restore", cls=_Command)
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.confirmation_option(prompt="Replace the whole record by this backup?")
def restore(path: Path) -> None:
    """Put the backup at PATH in place of the record, which is kept as a backup."""
    with _holding_imports():
        _keep_up(_operation("restore", path.resolve()))


@click.command("clear", cls=_Command)
@click.confirmation_option(prompt="Remove all findings, hosts and imports?")
def clear() -> None:
    """Empty the record, which is kept as a backup."""
    with _holding_imports():
        _keep_up(_operation("clear"))


@contextmanager
def _holding_imports() -> Iterator[None]:
    """Keep imports away, also those of a server that runs; refuse if one is under way."""
    try:
        extensions.import_supervisor.hold()
    except HexTrackrError as refusal:
        raise click.ClickException(refusal.detail) from refusal
    try:
        yield
    finally:
        extensions.import_supervisor.release()


def _operation(kind: str, source: Path | None = None) -> Operation:
    try:
        return extensions.upkeep.operation(kind, source)
    except HexTrackrError as refusal:
        raise click.ClickException(f"{refusal.code}: {refusal.detail}") from None


def _keep_up(operation: Operation) -> None:
    try:
        with click.progressbar(length=100, label=operation.kind) as bar:
            operations.carry_out(operation, lambda progress, _: bar.update(int(progress) - bar.pos))
    except (sqlite3.Error, OSError, HexTrackrError) as error:
        refusal = translated(error)
        raise click.ClickException(f"{refusal.code}: {refusal.detail}") from error
    click.echo(f"{'Made' if operation.kind == 'backup' else 'What was replaced is kept as'} {operation.backup}")
