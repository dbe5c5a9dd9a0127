"""Replace HTML entities in texts with markup, once they are in a table.

There are thousands of entities, but only a few in a file: those are looked up first, and only they are replaced.
"""

from __future__ import annotations

from collections.abc import Sequence

from . import markup
from .csv_database import CsvDatabase
from .mapping import quoted

#: Number of different entities of a column that are replaced; no language needs as many.
_MOST = 500


def unescape(database: CsvDatabase, table: str, columns: Sequence[str]) -> None:
    """Replace every entity in these columns of texts without tags."""
    for column in columns:
        found = database.all(f"""
            SELECT DISTINCT unnest(regexp_extract_all({column}, {quoted(markup.ENTITY)})) AS entity
            FROM {table} WHERE contains({column}, '&') ORDER BY entity LIMIT {_MOST}
        """)
        if found:
            text = markup.trimmed(markup.unescaped(column, (entity for (entity,) in found)))
            database.run(f"UPDATE {table} SET {column} = coalesce({text}, {column}) WHERE contains({column}, '&')")
