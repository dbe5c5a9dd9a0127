"""What SQLite and PostgreSQL do not say alike. All other SQL of the program is the same for both.

Text is compared byte by byte in both: on PostgreSQL the columns have the collation "C" (see the migrations). What has no value is less than
what has one: SQLite has it so, and on PostgreSQL the queries and the indexes say it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

from sqlalchemy import ColumnElement, Connection, Date, Engine, Select, TextClause, bindparam, make_url, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

#: What the advisory locks of this program begin with, so that those of others are not met: "hext".
_LOCKS = 0x68657874
#: So many rows are worth making indexes anew for, with so much memory.
_MANY_ROWS, _BUILD_MB = 50_000, 256
#: Parameters of statements in text that are days.
_DAYS = ("day", "closed")


def is_postgresql(bound: Engine | Connection) -> bool:
    """Whether this is PostgreSQL."""
    return bound.dialect.name == "postgresql"


def engine_options(url: str) -> dict[str, Any]:
    """What an engine for this database is made with."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "postgresql":
        return {}
    from . import postgresql

    return postgresql.engine_options(parsed)


def statement(sql: str) -> TextClause:
    """A statement in text whose parameters called ``day`` and ``closed`` are dates."""
    days = [bindparam(name, type_=Date) for name in _DAYS if f":{name}" in sql]
    return text(sql).bindparams(*days)


def rounded(connection: Connection, expression: str, places: int) -> str:
    """SQL: a number rounded to this many places."""
    if is_postgresql(connection):
        return f"CAST(round(CAST({expression} AS NUMERIC), {places}) AS DOUBLE PRECISION)"
    return f"round({expression}, {places})"


def not_among(connection: Connection, column: str, table: str, other: str) -> str:
    """SQL: a value that no row of ``table`` has in its column ``other``, which may hold NULL.

    PostgreSQL looks up ``NOT IN`` row by row once the table does not fit into its memory; SQLite sorts the table once for it.
    """
    if is_postgresql(connection):
        return f"NOT EXISTS (SELECT 1 FROM {table} WHERE {table}.{other} = {column})"
    return f"{column} NOT IN (SELECT {other} FROM {table} WHERE {other} IS NOT NULL)"


def in_order(column: Any, descending: bool) -> ColumnElement[Any]:
    """A column as ``ORDER BY`` takes it: what has no value is less than what has one. SQLite is told what it does anyway."""
    ordered: ColumnElement[Any] = column.desc().nulls_last() if descending else column.asc().nulls_first()
    return ordered


def as_it_comes(session: Session, ordered: Select[Any], order: Sequence[ColumnElement[Any]]) -> Select[Any]:
    """A statement whose rows come in this order, or are merged in it: PostgreSQL has to be told, and SQLite, told, would sort anew."""
    return ordered.order_by(*order) if is_postgresql(session.get_bind()) else ordered


def get_to_know(connection: Connection, *tables: str) -> None:
    """Let the planner know what is in tables that were just filled; SQLite plans by indexes alone."""
    if is_postgresql(connection):
        connection.execute(text(f"ANALYZE {', '.join(tables)}"))


@contextmanager
def filling(connection: Connection, table: str, rows: int) -> Iterator[None]:
    """Within this, an empty table is filled with so many rows: PostgreSQL makes its indexes afterwards, in half the time, if it is many.

    Whoever would read the table waits meanwhile, so only a table that nobody uses now is filled so.
    """
    dropped = _without_indexes(connection, table) if is_postgresql(connection) and rows >= _MANY_ROWS else []
    yield
    for definition in dropped:
        connection.exec_driver_sql(definition)


def _without_indexes(connection: Connection, table: str) -> list[str]:
    """Drop the indexes but those of the keys and return what makes them again; none if the table is in use, or not empty."""
    try:
        with connection.begin_nested():
            connection.execute(text(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE NOWAIT"))
    except OperationalError:
        return []
    if connection.execute(text(f"SELECT EXISTS (SELECT 1 FROM {table})")).scalar_one():
        return []
    indexes = connection.execute(
        text("""
        SELECT indexname, indexdef FROM pg_indexes
        WHERE schemaname = current_schema() AND tablename = :table AND indexname LIKE 'ix%' ORDER BY indexname
        """),
        {"table": table},
    ).all()
    connection.execute(text(f"SET LOCAL maintenance_work_mem = '{_BUILD_MB}MB'"))
    for name, _ in indexes:
        connection.execute(text(f"DROP INDEX {name}"))
    return [definition for _, definition in indexes]


def lock_source(connection: Connection, source_id: int) -> None:
    """Wait until no other transaction changes the record of this source; on SQLite a transaction that writes is the only one."""
    if not is_postgresql(connection):
        return
    patience = connection.execute(text("SHOW lock_timeout")).scalar_one()
    connection.execute(text("SET LOCAL lock_timeout = 0"))  # another import of the source may take its time
    connection.execute(text("SELECT pg_advisory_xact_lock(:locks, :source)"), {"locks": _LOCKS, "source": source_id})
    connection.execute(text(f"SET LOCAL lock_timeout = '{patience}'"))


def write_alone(session: Session, table: str) -> None:
    """Let nobody else write to a table before the end of this transaction; on SQLite nobody can."""
    if is_postgresql(session.get_bind()):
        session.execute(text(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE"))


def copy_lines(connection: Connection, table: str, names: Sequence[str], lines: str) -> None:
    """PostgreSQL only: load lines of its text format into a table."""
    from . import postgresql

    with cast("Any", connection.connection.driver_connection).cursor() as cursor:
        with cursor.copy(f"COPY {table} ({', '.join(names)}) FROM STDIN") as copy:
            copy.write(postgresql.encoded(lines.encode()))


def mark(connection: Connection) -> str:
    """What stands for a value in a statement that goes to the driver as it is."""
    return "%s" if is_postgresql(connection) else "?"


def for_writing(engine: Engine) -> Engine:
    """The engine for a short transaction that writes: it sees, once it has a lock, what the one before has written."""
    if is_postgresql(engine):
        return engine.execution_options(isolation_level="READ COMMITTED")
    return engine.execution_options(begin="IMMEDIATE")
