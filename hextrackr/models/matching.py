"""Text search that ignores case, in each dialect's own quick way."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, ColumnElement, literal
from sqlalchemy.ext.compiler import compiles


class Contains(ColumnElement[bool]):
    """Whether a column contains a text, whatever the case of its ASCII letters."""

    inherit_cache = False
    type = Boolean()

    def __init__(self, column: Any, text: str) -> None:
        self.column = column
        escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        self.pattern = literal(f"%{escaped}%")


@compiles(Contains)
def _compiled(element: Contains, compiler: Any, **options: Any) -> str:
    return f"{compiler.process(element.column, **options)} ILIKE {compiler.process(element.pattern, **options)} ESCAPE '\\'"


@compiles(Contains, "sqlite")
def _compiled_for_sqlite(element: Contains, compiler: Any, **options: Any) -> str:
    # SQLAlchemy's ilike() would make a copy in lower case of every value.
    return (
        f"{compiler.process(element.column, **options)} LIKE {compiler.process(element.pattern, **options)} ESCAPE '\\'"
    )
