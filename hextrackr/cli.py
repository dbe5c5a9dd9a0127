"""The commands of ``flask`` and ``hextrackr``, except the migrations (``db ...``).

``import-csv`` and ``confirm-import`` exit with 0 if the import is complete, :data:`WITH_REJECTS` if it is complete with rejected rows,
1 if it failed, and :data:`WAITS` if it waits for an answer.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import click
import orjson
from alembic.util.exc import CommandError
from flask import Flask, current_app
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from hextrackr.domain.models import ImportMode, ImportState

from . import database, extensions
from .auth import actors, audit, users
from .auth.connection import Doctor
from .auth.models import Provider
from .auth.permissions import COMMANDS, Role
from .db.error_mapping import error_from_exception
from .domain import resolve_guard
from .domain.models import Import, Reject
from .errors import Conflict, DatabaseBusy, DatabaseUnavailable, HexTrackrError, NotFound
from .escaping import escape_control_characters
from .jobs import files, snapshots, wiring
from .jobs.backups import operations
from .paths import PROGRAM

#: Exit statuses besides 0 and 1; 2 means wrong usage.
WITH_REJECTS, WAITS = 3, 4
#: The number of rejected rows to print.
SHOWN_REJECTS = 5


class _Explained(click.Command):
    """A command that explains in one sentence why the database cannot be used."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except CommandError as error:
            raise click.ClickException(database.unknown_revision(error)) from error
        except (DBAPIError, HexTrackrError) as error:
            if isinstance(error_from_exception(error), DatabaseUnavailable | DatabaseBusy):
                raise click.ClickException(database.unusable(error)) from error
            raise


class _Group(_Explained, click.Group):
    """The migration commands, which wait while the record is being replaced."""

    def invoke(self, ctx: click.Context) -> Any:
        with _explained(), extensions.maintenance_lock.writing():
            return super().invoke(ctx)


class _Command(_Explained):
    """A command that runs only if the database schema is that of this version."""

    def invoke(self, ctx: click.Context) -> Any:
        if why := database.unready(current_app):
            raise click.ClickException(why)
        outcome = audit.OK
        try:
            return super().invoke(ctx)
        except click.ClickException:
            outcome = "failed"
            raise
        finally:
            self._audit(ctx, outcome)

    def _audit(self, ctx: click.Context, outcome: str) -> None:
        action = COMMANDS.get(self.name or "")
        if action is not None:
            arguments = {name: str(value) for name, value in ctx.params.items() if value}
            audit.record(action, f"command {self.name}", outcome=outcome, after=arguments)


def init_app(app: Flask) -> None:
    """Register the commands."""
    for command in (serve, import_csv, confirm_import, cancel_import, backup, restore, clear, source, user, doctor):
        app.cli.add_command(command)
    migrations = cast("click.Group", app.cli.commands["db"])
    app.cli.add_command(_Group("db", migrations.commands, callback=migrations.callback, help=migrations.help))


@click.command("serve", cls=_Explained)
def serve() -> None:
    """Upgrade the database and run the server until SIGTERM.

    Settings are environment variables or lines of a file .env.
    """
    with _explained(), extensions.maintenance_lock.writing():
        extensions.alembic.upgrade()
    # Replace this process, so that signals reach the server, and that it can patch modules which are loaded here already.
    os.execv(sys.executable, [sys.executable, "-m", "gunicorn", "-c", "python:hextrackr.serving.gunicorn_conf"])


@click.command("import-csv", cls=_Command)
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--source", default="", help="Label of the source, if you have several of one scanner.")
@click.option(
    "--mode",
    type=click.Choice([mode.value for mode in ImportMode]),
    default="full",
    show_default=True,
    help="Which findings count as resolved if the file does not have them: all of the source, those of its hosts, or none.",
)
@click.option("--scan-date", type=click.DateTime(["%Y-%m-%d"]), help="Default: the date in the file.")
@click.option("--confirm", is_flag=True, help="Confirm in advance whatever the import would ask.")
def import_csv(path: Path, source: str, mode: str, scan_date: Any, confirm: bool) -> None:
    """Import the scanner export at PATH and print the result.

    Works whether the server is running or not.

    \b
    Exit status: 0 complete, 3 complete with rejected rows, 1 failed,
    4 waits for an answer by confirm-import or cancel-import.
    """
    with _explained(), extensions.maintenance_lock.writing():
        row = _run(_queue(path, source, mode, scan_date, confirm))
    _print_result(row)


def _queue(path: Path, source: str, mode: str, scan_date: Any, confirm: bool) -> int:
    """Store the file, queue its import and return the import's id."""
    stored = files.upload_name("csv")
    upload = shutil.copyfile(path, Path(current_app.config["INSTANCE_PATH"], "uploads", stored))
    with upload.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return extensions.import_queue.add(
        session_id=str(uuid.uuid4()),
        filename=path.name,
        file_size=path.stat().st_size,
        upload=stored,
        digest=digest,
        started_by=actors.of_command().name if current_app.extensions["auth"].is_on else "",
        source_label=source,
        mode=mode,
        scan_date=scan_date.date() if scan_date else None,
        confirmed=confirm,
    )


@click.command("confirm-import", cls=_Command)
@click.argument("import_id", type=int)
@click.option("--source", metavar="LABEL", help="The file is from another source: import it there, with this label.")
@click.option("--leave-open", is_flag=True, help="Leave the findings open that are not in the file.")
def confirm_import(import_id: int, source: str | None, leave_open: bool) -> None:
    """Answer the question of import IMPORT_ID and print the result.

    Without an option, confirm it. With --source it may ask again. The file is not read again.

    \b
    Exit status: 0 complete, 3 complete with rejected rows, 1 failed, 4 waits for an answer.
    """
    payload = ({} if source is None else {"source": source}) | ({"mode": ImportMode.DELTA} if leave_open else {})
    with _explained(), extensions.maintenance_lock.writing():
        try:
            extensions.import_service.answer(import_id, resolve_guard.parse_answer(payload))
        except HexTrackrError as refusal:
            raise click.ClickException(refusal.detail) from refusal
        row = _run(import_id)
    _print_result(row)


def _run(import_id: int) -> Import:
    """Run an import from this process; the caller holds the maintenance lock."""
    try:
        return extensions.import_worker.run_alone(import_id)
    finally:
        wiring.flush(current_app)


def _print_result(row: Import) -> None:
    """Print the result of an import and exit with its status."""
    match row.state:
        case ImportState.COMPLETED:
            click.echo("\n".join([snapshots.completion_message(row), *row.warnings, *_rejects(row)]))
            status = WITH_REJECTS if row.rejected else 0
        case ImportState.AWAITING_CONFIRMATION:
            click.echo("\n".join(_question(row)), err=True)
            status = WAITS
        case _:
            error = snapshots.error_of(row) or HexTrackrError().record()
            raise click.ClickException(f"{error['code']}: {error['detail']}")
    click.get_current_context().exit(status)


def _rejects(row: Import) -> Iterator[str]:
    """Yield a line for each of the first rejected rows, and one that says where to find the others."""
    first = select(Reject).where(Reject.import_id == row.id).order_by(Reject.line, Reject.id).limit(SHOWN_REJECTS)
    shown = list(extensions.db.session.scalars(first))
    for reject in shown:
        column = f", {escape_control_characters(reject.column)}" if reject.column else ""
        yield f"  line {reject.line}{column}: {escape_control_characters(reject.reason)}"
    if row.rejected > len(shown):
        more = snapshots.counted(row.rejected - len(shown), "more rejected row")
        yield f"  and {more}: download them as CSV from the page of import {row.id}"


def _question(row: Import) -> Iterator[str]:
    """Yield the question of an import and the commands that answer it."""
    yield snapshots.confirmation(row)[0]
    yield "Answer with one of these:"
    answer = f"{PROGRAM} confirm-import {row.id}"
    yield f"  {answer}"
    yield f"  {answer} --leave-open"
    yield f"  {answer} --source LABEL"
    yield f"  {PROGRAM} cancel-import {row.id}"


@click.command("cancel-import", cls=_Command)
@click.argument("import_id", type=int)
def cancel_import(import_id: int) -> None:
    """Cancel import IMPORT_ID, whichever process runs it."""
    with _explained(), extensions.maintenance_lock.writing():
        try:
            extensions.import_service.cancel(import_id, patience=None)
        except NotFound as refusal:
            raise click.ClickException(refusal.detail) from refusal
        except Conflict as refusal:
            state = extensions.import_queue.existing(import_id).state
            raise click.ClickException(f"This import has already ended: it is {state}.") from refusal
    click.echo("The import was cancelled. No finding was changed.")


@click.command("backup", cls=_Command)
@click.argument("path", required=False, type=click.Path(dir_okay=False, path_type=Path))
def backup(path: Path | None) -> None:
    """Back up all findings, hosts and imports to PATH, or to the backup folder.

    Works while the server is running.
    """
    if path is not None and path.exists():
        raise click.ClickException(f"{path} already exists.")
    if path is not None and not path.resolve().parent.is_dir():
        raise click.ClickException(f"The folder {path.parent} does not exist.")
    _run_operation("backup", target=path.resolve() if path else None)


@click.command("restore", cls=_Command)
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.confirmation_option(prompt="Replace all findings, hosts and imports with this backup?")
def restore(path: Path) -> None:
    """Replace all findings, hosts and imports with the backup at PATH.

    Makes a backup of the current ones first.
    """
    _run_operation("restore", source=path.resolve())


@click.command("clear", cls=_Command)
@click.confirmation_option(prompt="Delete all findings, hosts and imports?")
def clear() -> None:
    """Delete all findings, hosts and imports.

    Makes a backup first.
    """
    _run_operation("clear")


def _run_operation(kind: str, source: Path | None = None, target: Path | None = None) -> None:
    with _explained(), extensions.backup_service.running(kind, source, target) as operation:
        with click.progressbar(length=100, label=kind) as bar:
            operations.carry_out(operation, lambda progress, _: bar.update(int(progress) - bar.pos))
    click.echo(f"{'Backup:' if kind == 'backup' else 'The previous data was saved as'} {operation.backup}")


@click.group("source")
def source() -> None:
    """List, rename, merge and retire sources."""


@source.command("list", cls=_Command)
def list_sources() -> None:
    """List the sources.

    Columns: id, label, scanner, state, hosts, open findings, first and last scan.
    """
    with _explained():
        try:
            overview = orjson.loads(extensions.reader.ask("source_overview"))
        finally:
            extensions.reader.close()
    for each in overview["data"]:
        columns = (
            each["sourceId"], escape_control_characters(each["source"]), each["scannerName"], each["state"], each["hosts"],
            each["open"], each["firstScanDate"] or "", each["lastScanDate"] or "",
        )  # fmt: skip
        click.echo("\t".join(map(str, columns)).rstrip())


@source.command("rename", cls=_Command)
@click.argument("source_id", type=int)
@click.argument("label")
def rename_source(source_id: int, label: str) -> None:
    """Change the label of source SOURCE_ID to LABEL.

    Imports with the old label still go to this source.
    """
    with _explained(), extensions.maintenance_lock.writing():
        before = extensions.source_service.get(source_id)
        after = extensions.source_service.rename(source_id, label)
    audit.record("source", f"source {source_id}", before={"source": before.label}, after={"source": after.label})
    click.echo(f"The source is now called {after.label}.")


@source.command("retire", cls=_Command)
@click.argument("source_id", type=int)
@click.option("--activate", is_flag=True, help="Make a retired source active again instead.")
def retire_source(source_id: int, activate: bool) -> None:
    """Retire source SOURCE_ID: its findings no longer count as open.

    For scanners that are not in use any more.
    """
    with _explained(), extensions.maintenance_lock.writing():
        service = extensions.source_service
        after = service.activate(source_id) if activate else service.retire(source_id)
    retired_on = str(after.retired_on) if after.retired_on else None
    audit.record("source", f"source {source_id} {after.label}", after={"retiredOn": retired_on})
    click.echo("The source is active." if activate else f"The source has been retired since {retired_on}.")


@source.command("merge", cls=_Command)
@click.argument("source_id", type=int)
@click.argument("into_id", type=int)
@click.confirmation_option(prompt="Merge these sources? This cannot be undone; make a backup first.")
def merge_sources(source_id: int, into_id: int) -> None:
    """Merge source SOURCE_ID into source INTO_ID."""
    with _explained():
        merged = extensions.source_service.get(source_id)
        figures = extensions.source_service.merge_alone(source_id, into_id)
    audit.record("source", f"source {source_id} {merged.label}", after={"into": into_id, **figures})
    click.echo(
        f"Merged. {figures['joined_hosts']} of {figures['hosts']} hosts and {figures['joined_findings']} of {figures['findings']} "
        f"findings were in both sources; {figures['open_after']} findings are open."
    )


@click.group("user")
def user() -> None:
    """List, add and change the users who may sign in."""


@click.command("doctor")
@click.argument("url")
@click.option(
    "--token",
    default="",
    envvar="HEXTRACKR_TOKEN",
    help="Token of an administrator, if the server has a sign-in. Default: HEXTRACKR_TOKEN.",
)
def doctor(url: str, token: str) -> None:
    """Check the server at URL, through all proxies, and print what to change.

    \b
    Exit status: 0 all checks passed, 1 a check failed.
    """
    if not url.startswith(("http://", "https://")):
        raise click.ClickException("URL must begin with http:// or https://.")
    all_ok = True
    for check in Doctor(url, token, current_app.config["UPLOAD_MAX_BYTES"]).checks():
        all_ok &= check.ok
        click.echo(f"{'ok  ' if check.ok else 'BAD '} {check.name}: {escape_control_characters(check.seen)}")
        if check.advice:
            click.echo(f"     {escape_control_characters(check.advice)}")
    click.get_current_context().exit(0 if all_ok else 1)


_ROLES = click.Choice([role.word for role in Role])
_password = click.option("--password-stdin", is_flag=True, help="Read the password from standard input, for scripts.")


@user.command("add", cls=_Command)
@click.argument("name")
@click.option("--role", type=_ROLES, default="viewer", show_default=True)
@_password
def add_user(name: str, role: str, password_stdin: bool) -> None:
    """Add the user NAME.

    Asks for a password if users sign in with passwords.
    """
    with _explained(), extensions.maintenance_lock.writing():
        has_password = users.provider() is Provider.LOCAL
        users.add(name, Role.of(role), _read_password(password_stdin) if has_password else None)
    click.echo(f"{name} may sign in as {role}.")


@user.command("passwd", cls=_Command)
@click.argument("name")
@_password
def change_password(name: str, password_stdin: bool) -> None:
    """Change the password of the user NAME and end all of their logins."""
    with _explained(), extensions.maintenance_lock.writing():
        users.change(users.number_of(name), password=_read_password(password_stdin))
    click.echo(f"{name} has a new password.")


@user.command("role", cls=_Command)
@click.argument("name")
@click.argument("role", type=_ROLES)
def change_role(name: str, role: str) -> None:
    """Change the role of the user NAME to ROLE."""
    with _explained(), extensions.maintenance_lock.writing():
        users.change(users.number_of(name), role=Role.of(role))
    click.echo(f"{name} now has the role {role}.")


@user.command("disable", cls=_Command)
@click.argument("name")
@click.option("--enable", is_flag=True, help="Let the user sign in again instead.")
def disable_user(name: str, enable: bool) -> None:
    """Disable the user NAME: end all of their logins and refuse their tokens."""
    with _explained(), extensions.maintenance_lock.writing():
        users.change(users.number_of(name), disabled=not enable)
    click.echo(f"{name} may sign in again." if enable else f"{name} may no longer sign in.")


@user.command("list", cls=_Command)
def list_users() -> None:
    """List the users.

    Columns: name, role, how they sign in, and whether they are disabled.
    """
    for each in users.listed():
        name = escape_control_characters(each["name"])
        click.echo(f"{name}\t{each['role']}\t{each['provider']}\t{'disabled' if each['disabled'] else ''}".rstrip())


def _read_password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    password: str = click.prompt("Password", hide_input=True, confirmation_prompt="Repeat the password")
    return password


@contextmanager
def _explained() -> Iterator[None]:
    """Turn an error into the error message of the command."""
    try:
        yield
    except (sqlite3.Error, OSError, HexTrackrError) as error:
        refusal = error_from_exception(error)
        raise click.ClickException(f"{refusal.code}: {refusal.detail}") from error
