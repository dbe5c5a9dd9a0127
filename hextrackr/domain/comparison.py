"""How the models are compared with a database, for ``flask db check`` and ``flask db revision``.

What PostgreSQL has otherwise, and on purpose, is no difference.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import TEXT, String
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
    modelled: SchemaItem, _name: str | None, kind: str, _reflected: bool, _found: SchemaItem | None
) -> bool:
    """Findings refer to what they were joined with, without keys."""
    return getattr(modelled, "table", None) is not Finding.__table__ or kind != "foreign_key_constraint"
