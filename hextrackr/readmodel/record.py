"""Read the record for the copy: its state, and its rows as CSV, which DuckDB loads faster than Python objects.

Only Python's ``sqlite3`` or psycopg open the record in the reader process.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from itertools import cycle, islice
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote

from sqlalchemy import make_url

from hextrackr.db.engines import database_file

from .schema import TEXT, Column, Table

#: Seconds to wait for another program's lock.
PATIENCE = 5.0
#: Rows fetched at a time, and bytes of CSV loaded at a time.
_FETCHED = 1_000
PIECE_BYTES = 4 * 1024 * 1024

_STATE = "SELECT v.version, v.stamp, a.version_num FROM record_version v CROSS JOIN alembic_version a"
_CHANGES = "SELECT version, stamp, import_id FROM record_changes WHERE version >= {} ORDER BY version"


class State(NamedTuple):
    """A state of the record, identified by its version, its stamp and the revision of its tables."""

    version: int
    stamp: str
    revision: str


class Change(NamedTuple):
    """The change that made a version: by an import that was promoted or undone, or by something else (None)."""

    version: int
    stamp: str
    import_id: int | None


class Piece(NamedTuple):
    """Rows of a table as CSV in a file."""

    file: Path
    rows: int


class Snapshot(Protocol):
    """The record as it was when the snapshot was taken, whatever is written meanwhile."""

    def state(self) -> State:
        """The state of the record in the snapshot."""

    def changes_since(self, version: int) -> list[Change]:
        """The logged changes that made this version and the later ones."""

    def row(self, statement: str) -> tuple[Any, ...]:
        """The row that this statement selects."""

    def pieces(self, table: Table, condition: str, folder: Path) -> Iterator[Piece]:
        """Write the rows of a table as CSV into files, in pieces: the file of a piece is used again for the one after next."""


class Record(Protocol):
    """The record, read-only."""

    def state(self) -> State:
        """Its current state.

        :raises sqlite3.Error: it cannot be read; psycopg.Error as well.
        """

    def snapshot(self) -> Any:
        """Return a context manager that yields a :class:`Snapshot`."""


def record(url: str) -> Record:
    """The record with this SQLAlchemy URL."""
    file = database_file(url)
    return PostgresqlRecord(url) if file is None else SqliteRecord(file)


class _Snapshot:
    """The queries that are the same for both databases."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def state(self) -> State:
        return State(*self._connection.execute(_STATE).fetchone())

    def changes_since(self, version: int) -> list[Change]:
        return [Change(*row) for row in self._connection.execute(_CHANGES.format(int(version)))]

    def row(self, statement: str) -> tuple[Any, ...]:
        return tuple(self._connection.execute(statement).fetchone())


# SQLite


class SqliteRecord:
    """A record in SQLite. It is opened for each read, so that a replaced file is noticed."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def state(self) -> State:
        with self._opened() as connection:
            return State(*connection.execute(_STATE).fetchone())

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        with self._opened() as connection:
            connection.execute("BEGIN")
            yield _SqliteSnapshot(connection)

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        address = f"file:{quote(str(self._file))}?mode=rw"  # reading a WAL may need write access
        connection = sqlite3.connect(address, uri=True, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
        with closing(connection):
            connection.execute("PRAGMA query_only = ON")
            yield connection


class _SqliteSnapshot(_Snapshot):
    def pieces(self, table: Table, condition: str, folder: Path) -> Iterator[Piece]:
        if table.many:
            marks = ",".join(["%s"] * len(table.columns))
            line = f"printf('{marks}\n', {_formatted(table.columns)})"
            rows = self._connection.execute(_select(table, line, condition))
            yield from _pieces((line.encode() for (line,) in rows), folder)
        else:
            rows = self._connection.execute(_select(table, _expressions(table), condition))
            yield from _pieces(map(_line, rows), folder)


def _formatted(columns: Iterable[Column]) -> str:
    """SQL: the cells of a line of CSV. SQLite formats a million lines in half the time of Python.

    Its ``printf`` ends at a zero byte, so zero bytes are removed from texts. Numbers have 15 digits, which is enough for scores.
    """
    return ", ".join(
        f"""'"' || replace(replace({column.expression}, char(0), ''), '"', '""') || '"'"""
        if column.kind == TEXT
        else column.expression
        for column in columns
    )


def _line(row: tuple[Any, ...]) -> bytes:
    """A line of CSV: an empty text is quoted, to distinguish it from NULL."""
    return (",".join(map(_cell, row)) + "\n").encode()


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return '"' + value.replace('"', '""') + '"'
    return "" if value is None else str(value)


# PostgreSQL


class PostgresqlRecord:
    """A record in PostgreSQL, whose ``COPY`` writes CSV by itself."""

    def __init__(self, url: str) -> None:
        self._address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        self._idle: list[Any] = []

    def state(self) -> State:
        with self._connected() as connection, connection.transaction():
            return State(*connection.execute(_STATE).fetchone())

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        with self._connected() as connection, connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield _PostgresqlSnapshot(connection)

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        """Yield a connection that nobody else uses: an idle one that still works, or a new one."""
        connection = self._revived() or self._connect()
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)

    def _revived(self) -> Any:
        import psycopg

        while self._idle:
            connection = self._idle.pop()
            try:
                connection.execute("SELECT 1")
            except psycopg.Error:
                connection.close()
            else:
                return connection
        return None

    def _connect(self) -> Any:
        import psycopg

        from hextrackr.db.postgresql import CONNECT_TIMEOUT

        connection = psycopg.connect(
            self._address, autocommit=True, connect_timeout=CONNECT_TIMEOUT, prepare_threshold=None
        )
        connection.execute("SET datestyle TO 'ISO, YMD'; SET jit TO off")
        return connection


class _PostgresqlSnapshot(_Snapshot):
    def pieces(self, table: Table, condition: str, folder: Path) -> Iterator[Piece]:
        from hextrackr.db.postgresql import decoded

        select = _select(table, _expressions(table), condition)
        with self._connection.cursor().copy(f"COPY ({select}) TO STDOUT (FORMAT csv)") as copied:
            yield from _pieces((decoded(row) if b"\x01" in row else row for row in map(bytes, copied)), folder)


# Both


def _select(table: Table, selected: str, condition: str) -> str:
    conditions = [each for each in (table.condition, condition) if each]
    where = f" WHERE {' AND '.join(f'({each})' for each in conditions)}" if conditions else ""
    return f"SELECT {selected} FROM {table.source}{where}"


def _expressions(table: Table) -> str:
    return ", ".join(column.expression for column in table.columns)


def _pieces(lines: Iterator[bytes], folder: Path) -> Iterator[Piece]:
    """Write lines into two files by turns, each until it is full."""
    for file in cycle((folder / "piece-0.csv", folder / "piece-1.csv")):
        rows = 0
        with open(file, "wb") as stream:
            while stream.tell() < PIECE_BYTES and (some := list(islice(lines, _FETCHED))):
                stream.write(b"".join(some))
                rows += len(some)
        if not rows:
            return
        yield Piece(file, rows)
