"""What SQLite and PostgreSQL do not say alike. All other SQL of the program is the same for both.

Text is compared byte by byte in both: on PostgreSQL the columns have the collation "C" (see the migrations). What has no value is less than
what has one: SQLite has it so, and on PostgreSQL the queries and the indexes say it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import Connection, Date, Engine, TextClause, bindparam, make_url, text
from sqlalchemy.orm import Session

#: What the advisory locks of this program begin with, so that those of others are not met: "hext".
_LOCKS = 0x68657874
#: So many rows are many.
_MANY = 20_000
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


def first_label(connection: Connection, name: str) -> str:
    """SQL: what stands before the first dot of a name."""
    if is_postgresql(connection):
        return f"split_part({name}, '.', 1)"
    return f"substr({name}, 1, instr({name} || '.', '.') - 1)"


def not_among(connection: Connection, column: str, table: str, other: str) -> str:
    """SQL: a value that no row of ``table`` has in its column ``other``, which may hold NULL.

    PostgreSQL looks up ``NOT IN`` row by row once the table does not fit into its memory; SQLite sorts the table once for it.
    """
    if is_postgresql(connection):
        return f"NOT EXISTS (SELECT 1 FROM {table} WHERE {table}.{other} = {column})"
    return f"{column} NOT IN (SELECT {other} FROM {table} WHERE {other} IS NOT NULL)"


def pieces(connection: Connection, rows: int, size: int) -> range:
    """Where the pieces of so many rows begin, numbered from 0 or 1, in which a statement goes through them.

    PostgreSQL hashes what it joins them with once for each statement, so there it is one; SQLite looks it up row by row in any case.
    """
    return range(0, rows + 1, max(1, rows + 1) if is_postgresql(connection) else size)


def as_staged(connection: Connection, number: str, rows: int) -> str:
    """SQL: goes through so many staged rows in the order of their numbers, which is that of their keys.

    Where they are many PostgreSQL is not told: it reads them as they were loaded, which is the same, and hashes what it joins them
    with; told, it would look that up row by row.
    """
    return "" if is_postgresql(connection) and rows >= _MANY else f" ORDER BY {number}"


def merged_json(connection: Connection, old: str, new: str, *, before: str, other: str) -> tuple[str, str]:
    """SQL: two JSON objects in text as one, of which ``new`` wins; and whether that is another one than ``before``, one of the two.

    :param other: the one of the two that is not ``before``.
    """
    old, new = (f"coalesce({each}, '{{}}')" for each in (old, new))
    if is_postgresql(connection):
        merged = f"(CAST({old} AS JSONB) || CAST({new} AS JSONB))"
        unlike = f"{merged} <> CAST({before} AS JSONB)"
        return f"CAST({merged} AS TEXT)", f"({before} IS NULL OR ({before} <> {other} AND {unlike}))"
    merged = f"json_patch({old}, {new})"
    return merged, f"({before} IS NULL OR ({before} <> {other} AND {merged} <> {before}))"


def key(connection: Connection) -> str:
    """SQL: makes an integer column the key of a temporary table, where that costs nothing: on SQLite it is the row's own number."""
    return "" if is_postgresql(connection) else "PRIMARY KEY"


def analyse(connection: Connection, *tables: str) -> None:
    """Let the planner know what is in tables that were just filled; SQLite plans by indexes alone."""
    if is_postgresql(connection):
        connection.execute(text(f"ANALYZE {', '.join(tables)}"))


def lock_source(connection: Connection, source_id: int) -> None:
    """Wait until no other transaction changes the record of this source; on SQLite a transaction that writes is the only one."""
    if not is_postgresql(connection):
        return
    patience = connection.execute(text("SHOW lock_timeout")).scalar_one()
    connection.execute(text("SET LOCAL lock_timeout = 0"))  # another import of the source may take its time
    connection.execute(text("SELECT pg_advisory_xact_lock(:locks, :source)"), {"locks": _LOCKS, "source": source_id})
    connection.execute(text(f"SET LOCAL lock_timeout = '{patience}'"))


#: The lock on the texts of evidence; the numbers of sources begin with 1.
_TEXTS = 0


def keep_texts(connection: Connection) -> None:
    """Let nobody remove texts of evidence before the end of this transaction; on SQLite nobody can."""
    if is_postgresql(connection):
        connection.execute(
            text("SELECT pg_advisory_xact_lock_shared(:locks, :texts)"), {"locks": _LOCKS, "texts": _TEXTS}
        )


def may_remove_texts(connection: Connection) -> bool:
    """Whether nobody relies on texts of evidence that are there; nobody does then before the end of this transaction."""
    if not is_postgresql(connection):
        return True
    tried = text("SELECT pg_try_advisory_xact_lock(:locks, :texts)")
    return bool(connection.execute(tried, {"locks": _LOCKS, "texts": _TEXTS}).scalar_one())


def lock_name(connection: Connection, name: str) -> None:
    """Wait until no other transaction that says so does something under this name; on SQLite one that writes is the only one."""
    if is_postgresql(connection):
        connection.execute(
            text("SELECT pg_advisory_xact_lock(:locks, hashtext(:name))"), {"locks": _LOCKS + 1, "name": name}
        )


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
