"""Makes a copy of a database and puts one in its place, page by page, through SQLite's own backup interface.

Both directions are one transaction: a copy is the database as it was when the copying began, whatever is written meanwhile; and what is put
in place is there as a whole or not at all, whenever the process dies. https://www.sqlite.org/backup.html
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

from hextrackr.db.files import make_durable
from hextrackr.errors import DatabaseBusy

#: Told how much is done: 0..1.
Report = Callable[[float], None]

#: Pages in one go; the report comes after each.
_PAGES = 1_000
#: How long another program's transaction is waited for, in seconds.
_PATIENCE = 5.0
#: Imports under way, whose files no copy holds.
_SETTLE = """
    UPDATE imports SET state = 'failed', upload = '', lease_until = 0, owner = '', error_code = 'INTERRUPTED',
           error_detail = 'The backup was made before this import had ended; import the file again.'
    WHERE state NOT IN ('completed', 'failed', 'cancelled');
    UPDATE imports SET upload = '' WHERE upload <> '';
"""
#: How the names of tables begin that hold what imports under way have staged.
STAGING = "staging_"
#: Tables of the server and not of the record, which ``auth`` declares: who may sign in is in no copy, and is not changed by one.
OF_THE_SERVER = ("users", "logins", "tokens", "failed_sign_ins", "audit")


def back_up(database: Path, target: Path, folder: Path, report: Report) -> None:
    """Copy a database that is in use to a new file, which is there, and durable, when it is whole.

    :param folder: where it is put together; on the same disk as the target.
    :raises FileExistsError: the target is there already.
    :raises sqlite3.Error: the database cannot be read, or there is no space; no file is left.
    """
    made = folder / "backup.sqlite3"
    os.close(os.open(made, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600))
    with _opened(database) as source, _opened(made) as copy:
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM sqlite_master").fetchone()  # from here on it sees what there is now
        source.backup(copy, pages=_PAGES, progress=_progress(report))
        source.rollback()
        copy.execute("PRAGMA journal_mode = DELETE")  # one file, without others beside it
        settle(copy)
        _leave_out_accounts(copy)
    make_durable(made)
    os.link(made, target)  # in the place of no other file
    make_durable(target.parent)


def settle(connection: sqlite3.Connection) -> None:
    """End, in a copy, what belongs to the moment and not to the record: imports under way, and what they have staged."""
    connection.executescript(_SETTLE)
    for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        if table.startswith(STAGING):
            connection.execute(f'DELETE FROM "{table}"')


def _leave_out_accounts(copy: sqlite3.Connection) -> None:
    """Empty, in a copy of our own database, the tables of the server, so that not even its free pages have what was there."""
    copy.execute("PRAGMA secure_delete = ON")
    triggers = copy.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for name, _ in triggers:
        copy.execute(f'DROP TRIGGER "{name}"')  # they keep rows from being deleted
    for table in OF_THE_SERVER:
        copy.execute(f"DELETE FROM {table}")
    for _, sql in triggers:
        copy.execute(sql)


def keep_accounts(made: Path, database: Path) -> None:
    """Take over the tables of the server from the database that is to be replaced: they belong to it, and not to what was made."""
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
    """Give a database the number by which it is known once it has replaced another one."""
    with _opened(database) as connection:
        connection.execute(f"PRAGMA user_version = {number}")


def continue_versions(made: Path, database: Path) -> None:
    """Give a record that replaces another one a version of its own, above that one's: nobody takes it for a state that was known before."""
    with _opened(database) as connection:
        (replaced,) = connection.execute("SELECT version FROM record_version").fetchone()
    version = (replaced + 1, uuid.uuid4().hex)
    with _opened(made) as connection:
        connection.execute("UPDATE record_version SET version = ?, stamp = ?", version)
        connection.execute("DELETE FROM record_changes")
        connection.execute("INSERT INTO record_changes (version, stamp) VALUES (?, ?)", version)


def fitted(backup: Path, database: Path, folder: Path) -> Path:
    """The backup, or where its pages are of another size than the database's, a copy in the folder that can be put in its place.

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
    """Make a database that may be in use what the backup is, which :func:`fitted` has made fit.

    :raises DatabaseBusy: another program holds the database; it is as before.
    :raises sqlite3.Error: there is no space; the database is as before.
    """
    with _opened(backup) as source, _opened(database) as target:
        source.backup(target, pages=_PAGES, progress=_progress(report))
        with suppress(sqlite3.Error):  # it is done; what is in the log now gets to its place later
            target.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def connected(path: Path, mode: str, *, immutable: bool = False) -> sqlite3.Connection:
    """A connection to a database that is there.

    What stands in its schema is not trusted: no function that its views, triggers or indexes call can do anything.

    :param mode: ``ro`` or ``rw``.
    :param immutable: nobody else has it open, and no file beside it belongs to it.
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
    """Pass on how much is done; Python waits for a lock for ever, and asks here in between."""
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
    """Bring everything of a database that nobody else uses into its one file."""
    with _opened(database) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
