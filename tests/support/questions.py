"""Questions for the reader process in tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

from hextrackr.errors import RequestError
from hextrackr.readmodel import schema
from hextrackr.readmodel.questions import long_question, question
from tests.support.waiting import until


@question
def open_by_severity(cursor: duckdb.DuckDBPyConnection, parameters: Mapping[str, Any]) -> list[Any]:
    """The number of open findings by severity."""
    return cursor.execute(
        "SELECT severity, count(*) FROM finding WHERE is_open GROUP BY severity ORDER BY severity"
    ).fetchall()


@question
def rows_of(cursor: duckdb.DuckDBPyConnection, parameters: Mapping[str, Any]) -> list[Any]:
    """All rows of a table of the copy."""
    return cursor.execute(f'SELECT * FROM "{parameters["table"]}"').fetchall()


@question
def tables(cursor: duckdb.DuckDBPyConnection, parameters: Mapping[str, Any]) -> dict[str, list[Any]]:
    """All rows of all tables."""
    return {
        table.name: cursor.execute(f'SELECT * FROM "{table.name}" ORDER BY ALL').fetchall() for table in schema.TABLES
    }


@long_question
def twice(cursor: duckdb.DuckDBPyConnection, parameters: Mapping[str, Any]) -> list[Any]:
    """The number of findings, and again once a file exists: both must be of one version."""
    counting = "SELECT (SELECT count(*) FROM finding), (SELECT version FROM copy_state)"
    before = cursor.execute(counting).fetchone()
    Path(parameters["begun"]).touch()
    until(Path(parameters["go_on"]).exists)
    return [before, cursor.execute(counting).fetchone()]


@question
def endless(cursor: duckdb.DuckDBPyConnection, parameters: Mapping[str, Any]) -> None:
    """Take longer than any deadline."""
    cursor.execute("SELECT count(*) FROM range(1000000000) a, range(1000000000) b WHERE a.range * b.range % 7 = 3")


@question
def greedy(cursor: duckdb.DuckDBPyConnection, parameters: Mapping[str, Any]) -> None:
    """Need more memory than allowed: a single value cannot spill to the disk."""
    cursor.execute("SELECT len(list(range)) FROM range(100000000)").fetchall()


@question
def refuses(cursor: duckdb.DuckDBPyConnection, parameters: Mapping[str, Any]) -> None:
    """Refuse the parameters."""
    raise RequestError("The severity is none.")


@question
def as_bytes(cursor: duckdb.DuckDBPyConnection, parameters: Mapping[str, Any]) -> bytes:
    """Return JSON as bytes."""
    return b'{"made": "here"}'
