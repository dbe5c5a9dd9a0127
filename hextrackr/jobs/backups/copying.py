"""Copy a database, or replace it by a copy, page by page, with SQLite's online backup API.

Both directions are one transaction: a copy is the database as it was when the copying began, whatever is written meanwhile; and a
replacement is complete or has no effect, even if the process dies. https://www.sqlite.org/backup.html
"""

from __future__ import annotations

import os
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from hextrackr.db.engines import make_durable
from hextrackr.errors import DatabaseBusy

#: Called with the share that is done: 0..1.
Report = Callable[[float], None]

#: Pages copied between two reports.
_PAGES = 1_000
#: Seconds to wait for another program's transaction.
_PATIENCE = 5.0
#: Fails unfinished imports, whose files are not in the copy.
_SETTLE = """
    UPDATE imports SET state = 'failed', upload = '', lease_until = 0, owner = '', error_code = 'INTERRUPTED',
           error_detail = 'The backup was made before this import had ended; import the file again.'
    WHERE state NOT IN ('completed', 'failed', 'cancelled');
    UPDATE imports SET upload = '' WHERE upload <> '';
"""
#: The prefix of the staging tables of imports.
STAGING = "staging_"
#: Tables of the server and not of the record, declared by ``auth``: a copy has no accounts, and restoring one does not change any.
OF_THE_SERVER = ("users", "logins", "tokens", "failed_sign_ins", "audit")


def back_up(database: Path, target: Path, folder: Path, report: Report) -> None:
    """Copy a database that is in use to a new file, which appears only when it is complete and durable.

    :param folder: the folder for the unfinished copy, on the same disk as the target.
    :raises FileExistsError: the target exists already.
    :raises sqlite3.Error: the database cannot be read, or there is no space; no file is left.
    """
    made = folder / "backup.sqlite3"
    os.close(os.open(made, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600))
    with _opened(database) as source, _opened(made) as copy:
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM sqlite_master").fetchone()  # begins the read transaction
        source.backup(copy, pages=_PAGES, progress=_progress(report))
        source.rollback()
        copy.execute("PRAGMA journal_mode = DELETE")  # a single file, without a WAL beside it
        settle(copy)
        _leave_out_accounts(copy)
    make_durable(made)
    os.link(made, target)  # fails if the target exists
    make_durable(target.parent)


def settle(connection: sqlite3.Connection) -> None:
    """Fail the unfinished imports in a copy, and delete their staged rows."""
    connection.executescript(_SETTLE)
    for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        if table.startswith(STAGING):
            connection.execute(f'DELETE FROM "{table}"')


def _leave_out_accounts(copy: sqlite3.Connection) -> None:
    """Empty the tables of the server in a copy of our own database, and overwrite their pages."""
    copy.execute("PRAGMA secure_delete = ON")
    triggers = copy.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for name, _ in triggers:
        copy.execute(f'DROP TRIGGER "{name}"')  # they forbid to delete rows
    for table in OF_THE_SERVER:
        copy.execute(f"DELETE FROM {table}")
    for _, sql in triggers:
        copy.execute(sql)


def keep_accounts(made: Path, database: Path) -> None:
    """Copy the tables of the server from the database that is to be replaced into the one that replaces it."""
    with _opened(made) as connection:
        connection.execute("ATTACH ? AS replaced", (f"{database.resolve().as_uri()}?mode=ro",))
        connection.execute("BEGIN")
        for table in OF_THE_SERVER:
            found = connection.execute("SELECT name FROM pragma_table_info(?, 'main')", (table,)).fetchall()
            names = ", ".join(f'"{name}"' for (name,) in found)
            connection.execute(f"INSERT INTO main.{table} ({names}) SELECT {names} FROM replaced.{table}")
        connection.execute("COMMIT")
        connection.execute("DETACH replaced")


def mark(database: Path, number: int) -> None:
    """Write a number into a database by which :meth:`.Operation.is_done` recognises it after it has replaced the record."""
    with _opened(database) as connection:
        connection.execute(f"PRAGMA user_version = {number}")


def continue_versions(made: Path, database: Path) -> None:
    """Give a record that replaces another one a new version above that one's, so that no cache takes it for an earlier state."""
    with _opened(database) as connection:
        (replaced,) = connection.execute("SELECT version FROM record_version").fetchone()
    version = (replaced + 1, uuid.uuid4().hex)
    with _opened(made) as connection:
        connection.execute("UPDATE record_version SET version = ?, stamp = ?", version)
        connection.execute("DELETE FROM record_changes")
        connection.execute("INSERT INTO record_changes (version, stamp) VALUES (?, ?)", version)


def fitted(backup: Path, database: Path, folder: Path) -> Path:
    """Return the backup, or if its page size differs from the database's, a copy of it with that page size.

    :param folder: the folder for the copy.
    :raises sqlite3.Error: there is no space.
    """
    with _opened(backup) as source, _opened(database) as target:
        own, wanted = (of.execute("PRAGMA page_size").fetchone()[0] for of in (source, target))
        if own == wanted:
            return backup
        source.execute(f"PRAGMA page_size = {wanted}")
        copy = folder / "fitted.sqlite3"
        source.execute("VACUUM INTO ?", (str(copy),))
        return copy


def put_in_place(backup: Path, database: Path, report: Report) -> None:
    """Replace the content of a database, which may be in use, by that of the backup.

    :param backup: a result of :func:`fitted`.

    :raises DatabaseBusy: another program has locked the database; it is as before.
    :raises sqlite3.Error: there is no space; the database is as before.
    """
    with _opened(backup) as source, _opened(database) as target:
        source.backup(target, pages=_PAGES, progress=_progress(report))
        with suppress(sqlite3.Error):  # the replacement is committed; a later checkpoint will do as well
            target.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def connected(path: Path, mode: str, *, immutable: bool = False) -> sqlite3.Connection:
    """Connect to an existing database.

    Its schema is not trusted: functions with side effects are not available to its views, triggers and indexes.

    :param mode: ``ro`` or ``rw``.
    :param immutable: nobody else has the database open, and it has no WAL file.
    """
    address = f"file:{quote(str(path))}?mode={mode}{'&immutable=1' if immutable else ''}"
    connection = sqlite3.connect(address, uri=True, timeout=_PATIENCE, isolation_level=None)
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    return connection


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(connected(path, "rw")) as connection:
        connection.execute("PRAGMA synchronous = FULL")
        yield connection


def _progress(report: Report) -> Callable[[int, int, int], None]:
    """Make a progress callback that reports the share done, and gives up on a lock: Python itself would wait for it for ever."""
    waits_until: float | None = None

    def progress(status: int, remaining: int, total: int) -> None:
        nonlocal waits_until
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            waits_until = waits_until or time.monotonic() + _PATIENCE
            if time.monotonic() > waits_until:
                raise DatabaseBusy
            return
        waits_until = None
        report(1.0 if total == 0 else 1 - remaining / total)

    return progress


def close_log(database: Path) -> None:
    """Write the WAL of a database that nobody else uses back into its file, and remove it."""
    with _opened(database) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
