"""What can be typed into a filter: hosts, CVEs, families and the like that are on record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hextrackr.domain.fields import Kind
from hextrackr.errors import RequestError
from hextrackr.readmodel.questions import question

from . import parameters
from .columns import HOST_NAME, LISTED

if TYPE_CHECKING:
    import duckdb

#: So many values are suggested.
SUGGESTED = 12
_TABLES = {"d": "definition_row", "h": "host_row"}
#: Filter -> SQL for the values that it may have, as ``value``, and what of each is looked through, as ``searched``.
FIELDS = {
    "host": f"SELECT {HOST_NAME} AS value, h.search AS searched FROM host h",
    "cve": "SELECT cve AS value, lower(cve) AS searched FROM definition_cve",
    **{
        key: f"SELECT {field.name} AS value, lower({field.name}) AS searched FROM {_TABLES[alias]}"
        for key, (field, alias) in LISTED.items()
        if field.kind is Kind.TEXT
    },
}


@question
def suggest(cursor: duckdb.DuckDBPyConnection, query: Mapping[str, Any]) -> dict[str, Any]:
    """Answer values of a filter that hold some text, those that begin with it first.

    :param query: the query string: ``field``, one of :data:`FIELDS`, and ``q``, the text; without one the first values of all.
    :raises RequestError: another field, or a text that is longer than any that is looked for.
    """
    field, text = query.get("field", ""), parameters.text(query, "q").lower()
    if field not in FIELDS:
        raise RequestError(f"field must be one of {', '.join(FIELDS)}.")
    found = cursor.execute(
        f"""
        WITH candidates AS ({FIELDS[field]})
        SELECT value FROM candidates WHERE value <> '' AND contains(searched, $text)
        GROUP BY value ORDER BY starts_with(lower(value), $text) DESC, lower(value), value LIMIT {SUGGESTED}
        """,
        {"text": text},
    ).fetchall()
    return {"data": [value for (value,) in found]}
