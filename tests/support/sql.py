"""Pieces of SQL that tests ask a database with."""

from __future__ import annotations

from sqlalchemy import Engine

#: SQL: when a finding was seen last, where findings are ``f``.
LAST_SEEN = "(SELECT day FROM sightings WHERE sightings.id = f.sighting_id)"


def joined(engine: Engine, column: str) -> str:
    """SQL: the texts of a column, parted by blanks."""
    return f"{'string_agg' if engine.dialect.name == 'postgresql' else 'group_concat'}({column}, ' ')"
