"""Backup, restore and clear, step by step, as the importer process carries them out."""

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

#: Told the progress, 0..100, and what is being done.
Report = Callable[[float, str], None]


@dataclass(frozen=True)
class Operation:
    """What is to be done.

    :ivar kind: ``backup``, ``restore`` or ``clear``.
    :ivar backup: the file that a backup makes; of a restore or a clear, the one that keeps what is replaced.
    :ivar source: the file that is restored.
    :ivar workspace: a folder that is not there yet, beside ``backup``: what is put together is put together there.
    :ivar mark: a number that no other operation has, which the database carries once it has replaced the record.
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
        """Whether it has been done, by what there is now."""
        if self.kind == "backup":
            return Path(self.backup).is_file()
        with suppress(sqlite3.Error), closing(copying.connected(Path(self.database), "rw")) as connection:
            return bool(connection.execute("PRAGMA user_version").fetchone()[0] == self.mark)
        return False


def carry_out(operation: Operation, report: Report) -> None:
    """Do it, or leave everything as it was.

    :raises HexTrackrError: it cannot be done; sqlite3.Error and OSError as well.
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
    """A folder of its own, and gone afterwards; whatever stands in the way of that does not undo what was done."""
    folder = Path(operation.workspace)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _prepared(operation: Operation, folder: Path, report: Report) -> Path:
    """A database with the tables of this version: with what the backup holds, or without a row."""
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
    """Replace nothing under an import.

    :raises Conflict: ``IMPORTS_UNFINISHED``.
    """
    over = ", ".join(f"'{state}'" for state in FINISHED)
    with closing(copying.connected(database, "rw")) as connection:
        if connection.execute(f"SELECT 1 FROM imports WHERE state NOT IN ({over}) LIMIT 1").fetchone():
            raise Conflict(
                "Some imports have not ended yet; let them end, or cancel them, first.", "IMPORTS_UNFINISHED"
            )


def _share(report: Report, first: float, last: float, message: str) -> copying.Report:
    return lambda done: report(first + (last - first) * done, message)
