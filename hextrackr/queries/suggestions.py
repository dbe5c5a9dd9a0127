"""Suggestions for the values of filters: hosts, CVEs, families and so on."""

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

#: The maximum number of suggestions.
SUGGESTED = 12
_TABLES = {"d": "definition_row", "h": "host_row"}
#: Filter -> SQL for its possible values, as ``value``, and the text to search for each, as ``searched``.
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
    """Answer the values of a filter that contain a text; those that begin with it come first.

    :param query: the query string: ``field``, one of :data:`FIELDS`, and ``q``, the text, by default empty.
    :raises RequestError: the field is unknown, or the text is too long.
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
