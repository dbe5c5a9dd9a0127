"""Notices what PostgreSQL loses of staging in a crash: tables that are not in its log are empty then, and the import's row is not."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, text

from hextrackr.errors import DatabaseUnavailable

from .dialects import is_postgresql


def is_whole(connection: Connection, import_id: int, staged: int) -> bool:
    """Whether an import that has been staged still is; a crash empties all of its tables, so that one of them tells."""
    return _holds(connection, "staging_findings", import_id, staged)


def insist(connection: Connection, import_id: int, counts: Mapping[str, int]) -> None:
    """Make sure that staging holds what was loaded: table by table, so many rows.

    :raises DatabaseUnavailable: it does not.
    """
    if not all(_holds(connection, table, import_id, count) for table, count in counts.items()):
        raise DatabaseUnavailable("The database has lost the staged rows in a restart; please try again.")


def _holds(connection: Connection, table: str, import_id: int, count: int) -> bool:
    if not is_postgresql(connection):
        return True
    counted = text(f"SELECT count(*) FROM {table} WHERE import_id = :import_id")
    return bool(connection.execute(counted, {"import_id": import_id}).scalar_one() == count)
