"""Read the record for the copy: its state, and its rows as CSV, which DuckDB loads faster than Python objects.

Only Python's ``sqlite3`` or psycopg open the record in the reader process.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
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

    def continues(self, before: State) -> bool:
        """Whether logged changes have led from this state to the record; if not, it was replaced, or that is too long ago."""

    def row(self, statement: str) -> tuple[Any, ...]:
        """The row that this statement selects."""

    def pieces(self, table: Table, condition: str, folder: Path) -> Iterator[Piece]:
        """Write the rows of a table as CSV into files, in pieces: the file of a piece is used again for the one after next."""

    def reading(self, table: Table) -> str:
        """SQL of DuckDB: select the rows of a piece of this table, whose file is the parameter."""


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

    def continues(self, before: State) -> bool:
        changes = self.changes_since(before.version)
        return bool(changes) and changes[0][:2] == before[:2] and self.state().revision == before.revision

    def row(self, statement: str) -> tuple[Any, ...]:
        return tuple(self._connection.execute(statement).fetchone())

    def reading(self, table: Table) -> str:
        return f"FROM {_read_csv({column.name: column.type for column in table.columns})}"


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
    """Rows of large tables are JSON arrays, ``[0,17,"active",null,0]``, as these are what SQLite makes fastest (1.4 microseconds a finding;
    its ``printf`` takes 2.2, Python more). DuckDB reads them as CSV: a cell of its own holds each bracket, and texts are in hexadecimal
    digits, so that nothing needs an escape.
    """

    def pieces(self, table: Table, condition: str, folder: Path) -> Iterator[Piece]:
        if not table.many:
            rows = self._connection.execute(_select(table, _expressions(table), condition))
            return _pieces(map(_line, rows), folder)
        cells = ", ".join(
            _hexadecimal(column) if column.kind == TEXT else column.expression for column in table.columns
        )
        rows = self._connection.execute(_select(table, f"json_array(0, {cells}, 0)", condition))
        return _pieces((f"{line}\n".encode() for (line,) in rows), folder)

    def reading(self, table: Table) -> str:
        if not table.many:
            return super().reading(table)
        cells = (f'decode(unhex("{each.name}"))' if each.kind == TEXT else f'"{each.name}"' for each in table.columns)
        columns = {"[": "VARCHAR", **{column.name: column.type for column in table.columns}, "]": "VARCHAR"}
        return f"SELECT {', '.join(cells)} FROM {_read_csv(columns, null='null')}"


def _hexadecimal(column: Column) -> str:
    """SQL: a text in hexadecimal digits."""
    return f"iif({column.expression} IS NULL, NULL, hex({column.expression}))"


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

#: The maximum length of a row in bytes; DuckDB reads in blocks of that size.
_MAX_LINE_BYTES = 8 * 1024 * 1024


def _read_csv(columns: Mapping[str, str], null: str = "") -> str:
    """SQL of DuckDB: the rows of a file of CSV.

    :param columns: name -> type.
    :param null: what stands for NULL; in quotes it is a text.
    """
    types = ", ".join(f"'{name}': '{type}'" for name, type in columns.items())
    return f"""
        read_csv(?, columns = {{{types}}}, auto_detect = FALSE, header = FALSE, delim = ',', quote = '"', escape = '"', new_line = '\\n',
                 nullstr = '{null}', allow_quoted_nulls = FALSE, max_line_size = {_MAX_LINE_BYTES}, buffer_size = {_MAX_LINE_BYTES})
    """


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
