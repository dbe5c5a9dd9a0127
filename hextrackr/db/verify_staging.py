"""Detect that PostgreSQL has lost staged rows in a crash, after which its unlogged tables are empty, but not the import's row."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, text

from hextrackr.errors import DatabaseUnavailable

from .dialects import is_postgresql


def is_whole(connection: Connection, import_id: int, staged: int) -> bool:
    """Whether the staged rows of an import are still there; as a crash empties all staging tables, one of them is checked."""
    return _has_rows(connection, "staging_findings", import_id, staged)


def require(connection: Connection, import_id: int, counts: Mapping[str, int]) -> None:
    """Check that each staging table has the number of rows that were loaded.

    :raises DatabaseUnavailable: one does not.
    """
    if not all(_has_rows(connection, table, import_id, count) for table, count in counts.items()):
        raise DatabaseUnavailable("The database has lost the staged rows in a restart; please try again.")


def _has_rows(connection: Connection, table: str, import_id: int, count: int) -> bool:
    if not is_postgresql(connection):
        return True
    counted = text(f"SELECT count(*) FROM {table} WHERE import_id = :import_id")
    return bool(connection.execute(counted, {"import_id": import_id}).scalar_one() == count)
