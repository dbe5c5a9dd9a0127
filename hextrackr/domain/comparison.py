"""How the models are compared with a database, for ``flask db check`` and ``flask db revision``.

What PostgreSQL has otherwise, and on purpose, is no difference.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import TEXT, Index, String
from sqlalchemy.schema import SchemaItem

from .models import Finding


def options(on_postgresql: bool) -> dict[str, Any]:
    """What Alembic is told for this database."""
    return {"compare_type": _is_unlike, "include_object": _is_compared} if on_postgresql else {}


def _is_unlike(_context: Any, _column: Any, _model: Any, found: Any, modelled: Any) -> bool | None:
    """Text of any length, compared byte by byte, is what stands there for each kind of text."""
    if isinstance(modelled, String):
        return not (isinstance(found, TEXT) and found.collation == "C")
    return None


def _is_compared(
    modelled: SchemaItem, _name: str | None, kind: str, _reflected: bool, found: SchemaItem | None
) -> bool:
    """Findings refer to what they were joined with, without keys; indexes of lists hold NULL first and the id last."""
    if getattr(modelled, "table", None) is not Finding.__table__:
        return True
    if isinstance(modelled, Index) and isinstance(found, Index):
        return _in_order(modelled) != [str(expression) for expression in found.expressions]
    return kind != "foreign_key_constraint"


def _in_order(index: Index) -> list[str]:
    names = [column.name for column in index.columns]
    return [f"findings.{name} NULLS FIRST" for name in (*names, "id")] if "grade" in names else names
