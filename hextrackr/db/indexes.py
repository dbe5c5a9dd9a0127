"""Builds the indexes of the findings at the end of a promotion that brings most of them: sorted at once, not row by row.

Within the promotion's transaction: after a crash they are there as before. https://www.sqlite.org/lang_createindex.html
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import Connection

from .dialects import building_indexes, indexes_of, may_lose_indexes

_TABLE = "findings"
#: Below this many new findings there is nothing to gain.
FEWEST = 20_000


def are_built_apart(new: int, held: int) -> bool:
    """Whether to build them at the end is faster: it costs about two thirds as much for each row, but for those on record as well."""
    return new >= FEWEST and new > 2 * held


def drop(connection: Connection, new: int, held: int) -> list[str]:
    """Remove the indexes that serve readers, and return the statements that build them; none if that is not worth it."""
    if not are_built_apart(new, held) or not may_lose_indexes(connection, _TABLE):
        return []
    found = indexes_of(connection, _TABLE)
    for removal, _ in found:
        connection.exec_driver_sql(removal)
    return [building for _, building in reversed(found)]


def build(connection: Connection, statements: Sequence[str], advance: Callable[[int], None]) -> None:
    """Build them again; ``advance`` counts their columns, as the more it has the longer an index takes."""
    if not statements:
        return
    with building_indexes(connection):
        for statement in statements:
            connection.exec_driver_sql(statement)
            advance(columns(statement))


def columns(*statements: str) -> int:
    """How many columns the indexes have that these statements build."""
    return sum(statement.count(",") + 1 for statement in statements)
