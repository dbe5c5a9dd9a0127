"""Compares two databases, table by table and row by row."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

#: What may differ between an import that was disturbed and one that was not: instants, and who worked on it how often.
OF_THE_RUN = {
    "id", "session_id", "created_at", "started_at", "finished_at", "attempts", "owner", "epoch", "lease_until", "upload"
}  # fmt: skip
#: Columns that name an import; one that is tried again by hand gets another id.
IMPORT_IDS = ("import_id", "opened_by")


def keep(database: Path, copy: Path) -> None:
    """Copy a database that may be in use."""
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)


def differences(found: Path, expected: Path) -> dict[str, list[tuple]]:
    """For each table that is not alike some of the rows that only one database has. Imports that failed do not count."""
    with closing(sqlite3.connect(f"file:{found}?mode=ro", uri=True, timeout=10)) as connection:
        connection.execute("ATTACH ? AS expected", (f"file:{expected}?mode=ro",))
        for schema in ("main", "expected"):
            # An import is known by its place among those that were completed.
            connection.execute(
                f"CREATE TEMP TABLE places_{schema} AS SELECT id, row_number() OVER (ORDER BY id) AS place "
                f"FROM {schema}.imports WHERE state = 'completed'"
            )
        tables = _tables(connection, "main")
        assert tables == _tables(connection, "expected")
        unlike = {table: _only_in_one(connection, table) for table in sorted(tables)}
    return {table: rows for table, rows in unlike.items() if rows}


def _tables(connection: sqlite3.Connection, schema: str) -> set[str]:
    named = connection.execute(f"SELECT name FROM {schema}.sqlite_master WHERE type = 'table'")
    return {name for (name,) in named if not name.startswith(("sqlite_", "alembic_"))}


def _only_in_one(connection: sqlite3.Connection, table: str) -> list[tuple]:
    columns = [row[1] for row in connection.execute(f"PRAGMA main.table_info({table})")]
    if table == "imports":
        columns = [column for column in columns if column not in OF_THE_RUN]

    def rows(schema: str) -> str:
        place = f"(SELECT place FROM places_{schema} p WHERE p.id = t.{{}})"
        names = ", ".join(place.format(name) if name in IMPORT_IDS else f't."{name}"' for name in columns)
        completed = " WHERE state = 'completed'" if table == "imports" else ""
        return f"SELECT {names} FROM {schema}.{table} t{completed}"

    found = [("found", *row) for row in connection.execute(f"{rows('main')} EXCEPT {rows('expected')} LIMIT 3")]
    missing = [("missing", *row) for row in connection.execute(f"{rows('expected')} EXCEPT {rows('main')} LIMIT 3")]
    counts = [
        connection.execute(f"SELECT count(*) FROM ({rows(schema)})").fetchone() for schema in ("main", "expected")
    ]
    return [*found, *missing, *([("rows", *counts)] if counts[0] != counts[1] else [])]
