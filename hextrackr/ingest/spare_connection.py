"""A DuckDB that is open before there is a file to read: to open one takes as long as to read some hundred rows."""

from __future__ import annotations

import duckdb

_ready: list[duckdb.DuckDBPyConnection] = []


def prepare() -> None:
    """Have a database in memory ready, for a process that has nothing else to do."""
    if not _ready:
        _ready.append(duckdb.connect())


def take() -> duckdb.DuckDBPyConnection:
    """A database in memory that nobody else has: the one that is ready, else a new one."""
    return _ready.pop() if _ready else duckdb.connect()
