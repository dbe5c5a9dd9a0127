"""Builds the indexes of the findings at the end of a promotion that brings most of them: sorted at once, not row by row.

Within the promotion's transaction: whoever reads meanwhile sees the old indexes, and after a crash they are there as before.
https://www.sqlite.org/lang_createindex.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sqlalchemy import Connection

from hextrackr.models.dialects import is_postgresql

#: Below this many new findings there is nothing to gain.
_FEWEST = 20_000


def are_built_apart(new: int, held: int) -> bool:
    """Whether to build them at the end is faster: it costs about two thirds as much for each row, but for those on record as well."""
    return new >= _FEWEST and new > 2 * held


def drop(connection: Connection, new: int, held: int) -> list[str]:
    """Remove the indexes that only serve readers, and return the statements that build them; none if that is not worth it.

    Only of SQLite: PostgreSQL would lock out its readers meanwhile.
    """
    if is_postgresql(connection) or not are_built_apart(new, held):
        return []
    found = connection.exec_driver_sql(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'findings' AND sql IS NOT NULL"
    ).all()
    for name, _ in found:
        connection.exec_driver_sql(f"DROP INDEX {name}")
    return [statement for _, statement in found]


def build(connection: Connection, statements: Iterable[str], advance: Callable[[int], None]) -> None:
    """Build them again; ``advance`` counts them."""
    for statement in statements:
        connection.exec_driver_sql(statement)
        advance(1)
