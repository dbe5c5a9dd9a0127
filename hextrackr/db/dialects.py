"""The differences between SQLite and PostgreSQL. All other SQL of the program is the same for both.

Text is compared byte by byte in both: on PostgreSQL the columns have the collation "C" (see the migrations). NULL sorts first: it does on
SQLite, and on PostgreSQL the queries and the indexes ask for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import Connection, Date, Engine, TextClause, bindparam, make_url, text
from sqlalchemy.orm import Session

#: The first key of our advisory locks, to distinguish them from those of other programs: "hext".
_LOCKS = 0x68657874
#: Number of rows from which on PostgreSQL uses hash joins.
_MANY = 20_000
#: The parameters of textual statements that are dates.
_DAYS = ("day", "closed")


def is_postgresql(bound: Engine | Connection) -> bool:
    """Whether this is PostgreSQL."""
    return bound.dialect.name == "postgresql"


def engine_options(url: str) -> dict[str, Any]:
    """The options with which an engine for this database is created."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "postgresql":
        return {}
    from . import postgresql

    return postgresql.engine_options(parsed)


def statement(sql: str) -> TextClause:
    """Make a textual statement whose parameters ``day`` and ``closed`` are dates."""
    days = [bindparam(name, type_=Date) for name in _DAYS if f":{name}" in sql]
    return text(sql).bindparams(*days)


def rounded(connection: Connection, expression: str, places: int) -> str:
    """SQL: a number rounded to this many places."""
    if is_postgresql(connection):
        return f"CAST(round(CAST({expression} AS NUMERIC), {places}) AS DOUBLE PRECISION)"
    return f"round({expression}, {places})"


def first_label(connection: Connection, name: str) -> str:
    """SQL: the part of a name before its first dot."""
    if is_postgresql(connection):
        return f"split_part({name}, '.', 1)"
    return f"substr({name}, 1, instr({name} || '.', '.') - 1)"


def not_among(connection: Connection, column: str, table: str, other: str) -> str:
    """SQL: the condition that no row of ``table`` has the value in its column ``other``, which may be NULL.

    PostgreSQL evaluates ``NOT IN`` row by row if the table does not fit into its memory; SQLite sorts the table once.
    """
    if is_postgresql(connection):
        return f"NOT EXISTS (SELECT 1 FROM {table} WHERE {table}.{other} = {column})"
    return f"{column} NOT IN (SELECT {other} FROM {table} WHERE {other} IS NOT NULL)"


def pieces(connection: Connection, rows: int, size: int) -> range:
    """The first numbers of the pieces in which statements process rows that are numbered from 0 or 1.

    On PostgreSQL it is one piece, as each statement builds the hash tables of its joins; SQLite looks up joined rows one by one anyway.
    """
    return range(0, rows + 1, max(1, rows + 1) if is_postgresql(connection) else size)


def as_staged(connection: Connection, number: str, rows: int) -> str:
    """SQL: the clause that processes staged rows in the order of their numbers, which is that of their keys.

    With many rows on PostgreSQL there is no such clause: it reads them in the order in which they were loaded, which is the same, and uses
    hash joins; with the clause it would look up joined rows one by one.
    """
    return "" if is_postgresql(connection) and rows >= _MANY else f" ORDER BY {number}"


def merged_json(connection: Connection, old: str, new: str, *, before: str, other: str) -> tuple[str, str]:
    """SQL: two JSON objects in text merged into one, in which ``new`` has priority; and the condition that it differs from ``before``.

    :param before: one of the two; ``other`` is the other one.
    """
    old, new = (f"coalesce({each}, '{{}}')" for each in (old, new))
    if is_postgresql(connection):
        merged = f"(CAST({old} AS JSONB) || CAST({new} AS JSONB))"
        unlike = f"{merged} <> CAST({before} AS JSONB)"
        return f"CAST({merged} AS TEXT)", f"({before} IS NULL OR ({before} <> {other} AND {unlike}))"
    merged = f"json_patch({old}, {new})"
    return merged, f"({before} IS NULL OR ({before} <> {other} AND {merged} <> {before}))"


def key(connection: Connection) -> str:
    """SQL: the clause that makes an integer column the key of a temporary table on SQLite, where it is free, being the row id."""
    return "" if is_postgresql(connection) else "PRIMARY KEY"


def analyse(connection: Connection, *tables: str) -> None:
    """Update the planner's statistics of tables that were just filled; SQLite plans by indexes alone."""
    if is_postgresql(connection):
        connection.execute(text(f"ANALYZE {', '.join(tables)}"))


def lock_source(connection: Connection, source_id: int) -> None:
    """Wait until no other transaction changes this source; on SQLite only one transaction at a time can write."""
    if not is_postgresql(connection):
        return
    patience = connection.execute(text("SHOW lock_timeout")).scalar_one()
    connection.execute(text("SET LOCAL lock_timeout = 0"))  # another import of the source may take its time
    connection.execute(text("SELECT pg_advisory_xact_lock(:locks, :source)"), {"locks": _LOCKS, "source": source_id})
    connection.execute(text(f"SET LOCAL lock_timeout = '{patience}'"))


#: The lock on the texts of evidence; the numbers of sources begin with 1.
_TEXTS = 0


def keep_texts(connection: Connection) -> None:
    """Prevent others from removing texts of evidence before the end of this transaction; on SQLite nobody can."""
    if is_postgresql(connection):
        connection.execute(
            text("SELECT pg_advisory_xact_lock_shared(:locks, :texts)"), {"locks": _LOCKS, "texts": _TEXTS}
        )


def may_remove_texts(connection: Connection) -> bool:
    """Whether no transaction relies on existing texts of evidence; if so, none will before the end of this one."""
    if not is_postgresql(connection):
        return True
    tried = text("SELECT pg_try_advisory_xact_lock(:locks, :texts)")
    return bool(connection.execute(tried, {"locks": _LOCKS, "texts": _TEXTS}).scalar_one())


def lock_name(connection: Connection, name: str) -> None:
    """Wait until no other transaction has locked this name; on SQLite only one transaction at a time can write."""
    if is_postgresql(connection):
        connection.execute(
            text("SELECT pg_advisory_xact_lock(:locks, hashtext(:name))"), {"locks": _LOCKS + 1, "name": name}
        )


def write_alone(session: Session, table: str) -> None:
    """Prevent others from writing to a table before the end of this transaction; on SQLite nobody can."""
    if is_postgresql(session.get_bind()):
        session.execute(text(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE"))


def copy_lines(connection: Connection, table: str, names: Sequence[str], lines: str) -> None:
    """Load lines in PostgreSQL's text format into a table; on PostgreSQL only."""
    from . import postgresql

    with cast("Any", connection.connection.driver_connection).cursor() as cursor:
        with cursor.copy(f"COPY {table} ({', '.join(names)}) FROM STDIN") as copy:
            copy.write(postgresql.encoded(lines.encode()))


def mark(connection: Connection) -> str:
    """The placeholder of a value in a statement for the driver."""
    return "%s" if is_postgresql(connection) else "?"


def for_writing(engine: Engine) -> Engine:
    """The engine for a short writing transaction, which sees, once it has a lock, everything that was committed before."""
    if is_postgresql(engine):
        return engine.execution_options(isolation_level="READ COMMITTED")
    return engine.execution_options(begin="IMMEDIATE")
