"""Back up, restore or clear the record, step by step, in the importer process."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from hextrackr.db import revisions
from hextrackr.domain.models import FINISHED
from hextrackr.errors import Conflict

from . import adopting, checking, copying, schema

#: Called with the progress, 0..100, and a message.
Report = Callable[[float, str], None]


@dataclass(frozen=True)
class Operation:
    """The parameters of one operation.

    :ivar kind: ``backup``, ``restore`` or ``clear``.
    :ivar backup: the backup that it makes; a restore or a clear makes one of the record that it replaces.
    :ivar source: the file that is restored.
    :ivar workspace: the folder for unfinished files, beside ``backup``; it must not exist yet.
    :ivar mark: a unique number that is written into the database that replaces the record.
    :ivar instance: the data folder.
    """

    kind: str
    database: str
    backup: str
    source: str = ""
    workspace: str = ""
    mark: int = 0
    instance: str = ""

    def is_done(self) -> bool:
        """Whether the operation was carried out, judged by the files that exist now."""
        if self.kind == "backup":
            return Path(self.backup).is_file()
        with suppress(sqlite3.Error), closing(copying.connected(Path(self.database), "rw")) as connection:
            return bool(connection.execute("PRAGMA user_version").fetchone()[0] == self.mark)
        return False


def carry_out(operation: Operation, report: Report) -> None:
    """Carry out an operation; if it fails, everything is as before.

    :raises HexTrackrError: it cannot be carried out; sqlite3.Error and OSError as well.
    """
    database, backup = Path(operation.database), Path(operation.backup)
    with _workspace(operation) as folder:
        if operation.kind == "backup":
            copying.back_up(database, backup, folder, _share(report, 0, 100, "Copying the record..."))
            return
        made = _prepared(operation, folder, report)
        copying.mark(made, operation.mark)
        copying.continue_versions(made, database)
        copying.keep_accounts(made, database)
        fitted = copying.fitted(made, database, folder)
        _refuse_unfinished(database)
        keeping = _share(report, 60, 80, "Keeping a backup of what is replaced...")
        copying.back_up(database, backup, folder, keeping)
        copying.put_in_place(fitted, database, _share(report, 80, 100, "Putting the record in place..."))


@contextmanager
def _workspace(operation: Operation) -> Iterator[Path]:
    """Create the workspace, and remove it afterwards; a failure to remove it is ignored."""
    folder = Path(operation.workspace)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _prepared(operation: Operation, folder: Path, report: Report) -> Path:
    """Make the database that replaces the record: with the rows of the backup, or empty."""
    made = folder / schema.DATABASE
    if operation.kind == "clear":
        report(0, "Making an empty record...")
        schema.make(folder)
        return made
    source = Path(operation.source)
    revision = checking.check(source, _share(report, 0, 25, "Checking the backup..."))
    report(25, "Making an empty record...")
    schema.make(folder, revision)
    adopting.copy(source, made, _share(report, 30, 50, "Taking over what the backup holds..."))
    if revision != revisions.known()[-1]:
        report(50, "Bringing the backup up to this version...")
        schema.make(folder)
    adopting.check(made, _share(report, 50, 60, "Checking what was taken over..."))
    return made


def _refuse_unfinished(database: Path) -> None:
    """Check that no import is unfinished.

    :raises Conflict: ``IMPORTS_UNFINISHED``.
    """
    over = ", ".join(f"'{state}'" for state in FINISHED)
    with closing(copying.connected(database, "rw")) as connection:
        if connection.execute(f"SELECT 1 FROM imports WHERE state NOT IN ({over}) LIMIT 1").fetchone():
            raise Conflict("Some imports are not finished; wait for them or cancel them first.", "IMPORTS_UNFINISHED")


def _share(report: Report, first: float, last: float, message: str) -> copying.Report:
    return lambda done: report(first + (last - first) * done, message)
