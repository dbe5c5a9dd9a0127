"""Back up, restore or clear the record, step by step, in the importer process.

Empty databases are made with our own migrations: the schema of a backup is never used.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError

from hextrackr.db import revisions
from hextrackr.db.error_mapping import error_from_exception
from hextrackr.domain.models import FINISHED
from hextrackr.errors import BackupRefused, Conflict, HexTrackrError

from . import copying, restoring

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
    made = folder / DATABASE
    if operation.kind == "clear":
        report(0, "Making an empty record...")
        make_database(folder)
        return made
    source = Path(operation.source)
    revision = restoring.check(source, _share(report, 0, 25, "Checking the backup..."))
    report(25, "Making an empty record...")
    make_database(folder, revision)
    restoring.copy_rows(source, made, _share(report, 30, 50, "Taking over what the backup holds..."))
    if revision != revisions.known()[-1]:
        report(50, "Bringing the backup up to this version...")
        make_database(folder)
    restoring.check_values(made, _share(report, 50, 60, "Checking what was taken over..."))
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


#: The name of the file that :func:`make_database` creates.
DATABASE = "hextrackr.sqlite3"


def make_database(folder: Path, revision: str = "") -> None:
    """Create a database of a revision, or upgrade the existing one to the newest.

    :raises BackupRefused: its rows cannot be upgraded.
    :raises SQLAlchemyError: there is no space.
    """
    from hextrackr.db import migrate  # loads Alembic, which no import needs

    database = folder / DATABASE
    is_new = not database.exists()
    try:
        migrate.upgrade(URL.create("sqlite", database=str(database)).render_as_string(), revision)
    except DBAPIError as error:
        if is_new or error_from_exception(error).code != HexTrackrError.code:
            raise
        raise BackupRefused("This backup could not be upgraded to this version.") from error
    copying.close_log(database)
