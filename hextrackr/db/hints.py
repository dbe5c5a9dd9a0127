"""Which index of a table SQLite takes: its planner knows too little of the values to choose, and SQLAlchemy has no word for it.

PostgreSQL keeps statistics, and is told nothing.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, Select
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler


class _Compiler(SQLiteCompiler):
    """Writes a hint as it is told, behind the name of the table."""

    def get_from_hint_text(self, table: Any, text: str | None) -> str | None:
        return text


def understand(engine: Engine) -> None:
    """Let an engine for SQLite write hints."""
    engine.dialect.statement_compiler = _Compiler


def led_by(table: Any, index: str, statement: Select[Any]) -> Select[Any]:
    """The same statement, with an index that leads to the table's rows (``INDEXED BY``); SQLite refuses it where that cannot be."""
    return statement.with_hint(table, f"INDEXED BY {index}", "sqlite")


def by_id(table: Any, statement: Select[Any]) -> Select[Any]:
    """The same statement, with the table's rows looked up by their ids, or read in the order of these (``NOT INDEXED``)."""
    return statement.with_hint(table, "NOT INDEXED", "sqlite")
