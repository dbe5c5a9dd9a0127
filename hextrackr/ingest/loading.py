"""Insert rows into a staging table: many with each INSERT on SQLite, as a stream on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from sqlalchemy import Connection, Engine, String, Text

from hextrackr.db import dialects
from hextrackr.db.base import Base

from .csv_reader import Reader

#: Rows of one transaction: about 20 ms each, so that nobody waits long for the database.
BATCH_ROWS = 5_000
#: Rows of one transaction on PostgreSQL, where nobody waits.
STREAMED_ROWS = 50_000
#: Rows of one transaction with long texts, on both, as a batch is in memory.
BATCH_TEXTS = 2_000
#: Rows of one statement: the limit is SQLite's number of parameters, with the widest table.
ROWS_AT_ONCE = 200


class Loading:
    """Loads one import's rows into one staging table.

    :param names: the columns, which are the same in the reader's table and in the staging table.
    :param table: another table than the model's, with the same columns and ``import_id``.
    """

    def __init__(
        self, engine: Engine, model: type[Base], names: tuple[str, ...], import_id: int, table: str | None = None
    ) -> None:
        self._streams = dialects.is_postgresql(engine)
        self._table = table or model.__tablename__
        self._columns = [model.__table__.c[name] for name in names]
        self._names = names
        self._import_id = import_id

    def batches(self, reader: Reader, table: str) -> Iterator[tuple[int, Any]]:
        """Yield the rows of a table of the reader in batches: their number, and the argument for :meth:`insert`."""
        has_texts = any(isinstance(column.type, Text) for column in self._columns)
        if self._streams:
            cells = [str(self._import_id), *(_cell(column) for column in self._columns)]
            yield from reader.lines(table, cells, BATCH_TEXTS if has_texts else STREAMED_ROWS)
        else:
            for batch in reader.batches(table, self._names, BATCH_TEXTS if has_texts else BATCH_ROWS):
                yield len(batch), batch

    def insert(self, connection: Connection, batch: Any) -> None:
        """Insert one batch."""
        if self._streams:
            dialects.copy_lines(connection, self._table, ("import_id", *self._names), batch)
        else:
            insert_many(connection, self._table, self._names, batch, import_id=self._import_id)


def insert_many(
    connection: Connection, table: str, names: tuple[str, ...], rows: Sequence[tuple[Any, ...]], **same: int
) -> None:
    """Insert rows, many with each statement: one statement for each row would take three times as long.

    :param same: columns with the same number in every row.
    """
    mark = dialects.mark(connection)
    row = f"({', '.join((*map(str, same.values()), *(mark for _ in names)))})"
    for place in range(0, len(rows), ROWS_AT_ONCE):
        some = rows[place : place + ROWS_AT_ONCE]
        values = ", ".join([row] * len(some))
        connection.exec_driver_sql(
            f"INSERT INTO {table} ({', '.join((*same, *names))}) VALUES {values}", tuple(chain.from_iterable(some))
        )


def _cell(column: Any) -> str:
    """A value in PostgreSQL's text format."""
    cell = column.name
    if isinstance(column.type, String):
        for character, letter in (("'\\'", "\\"), ("chr(10)", "n"), ("chr(13)", "r"), ("chr(9)", "t")):
            cell = f"replace({cell}, {character}, '\\{letter}')"
    return f"coalesce(CAST({cell} AS VARCHAR), '\\N')" if column.nullable else cell
