"""How rows get into a staging table: many with each INSERT on SQLite, as one stream on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from sqlalchemy import Connection, Engine, String

from hextrackr.models import Base, dialects

from .reader import Reader

#: Rows of one transaction: about 20 ms each on SQLite, so that nobody waits long for the database; on PostgreSQL nobody waits.
BATCH_ROWS, STREAMED_ROWS = 5_000, 50_000
#: Rows of one statement: as many as SQLite takes values for, of the widest table.
ROWS_AT_ONCE = 200

#: Rows of one transaction: as tuples, or as lines of PostgreSQL's text format.
Batch = Sequence[tuple[Any, ...]]


class Loading:
    """Loads one import's rows into one staging table.

    :param names: the columns, of the reader's table and of the staging table alike.
    """

    def __init__(self, engine: Engine, model: type[Base], names: tuple[str, ...], import_id: int) -> None:
        self._streams = dialects.is_postgresql(engine)
        self._table = model.__tablename__
        self._names = names
        self._texts = {name for name in names if isinstance(model.__table__.c[name].type, String)}
        self._import_id = import_id

    def batches(self, reader: Reader, table: str) -> Iterator[Batch]:
        """The rows of a table of the reader, as :meth:`insert` takes them."""
        if self._streams:
            return reader.lines(table, self._names, self._texts, STREAMED_ROWS)
        return reader.batches(table, self._names, BATCH_ROWS)

    def insert(self, connection: Connection, batch: Batch) -> None:
        """Insert one batch."""
        if self._streams:
            lines = "\n".join(f"{self._import_id}\t{line}" for (line,) in batch)
            dialects.copy_lines(connection, self._table, ("import_id", *self._names), lines)
        else:
            insert_many(connection, self._table, self._names, batch, import_id=self._import_id)


def insert_many(connection: Connection, table: str, names: tuple[str, ...], rows: Batch, **same: int) -> None:
    """Insert rows, many with each statement: one for each row takes three times as long.

    :param same: columns that have the same number in every row.
    """
    mark = dialects.mark(connection)
    row = f"({', '.join((*map(str, same.values()), *(mark for _ in names)))})"
    for place in range(0, len(rows), ROWS_AT_ONCE):
        some = rows[place : place + ROWS_AT_ONCE]
        values = ", ".join([row] * len(some))
        connection.exec_driver_sql(
            f"INSERT INTO {table} ({', '.join((*same, *names))}) VALUES {values}", tuple(chain.from_iterable(some))
        )
