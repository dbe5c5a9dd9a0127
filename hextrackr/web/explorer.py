"""The columns and filters of the explorer page, derived from their declarations in the field registry and the queries."""

from __future__ import annotations

from typing import Any

from flask import Flask

from hextrackr.domain.fields import Field, Kind
from hextrackr.queries.columns import COLUMNS, LISTED, Column
from hextrackr.queries.suggestions import FIELDS

#: Columns that cannot be hidden or moved, and those that are shown inside others.
_FIXED, _WITHIN_OTHERS = ("severity", "host", "title"), ("id", "protocol")
#: The kinds of values of columns that the registry does not declare.
_KINDS = {"cves": "cves", "port": "port", "firstSeen": "day", "lastSeen": "day", "resolvedOn": "day", "state": "state"}
#: Columns that are shown by default; so are all scores.
_DEFAULT = ("cves", "port", "firstSeen", "lastSeen", "state")
#: Table alias of a value -> the section of its filter; days have their own section.
_SECTIONS = {"d": "What", "f": "What", "h": "Where"}


def init_app(app: Flask) -> None:
    """Pass the columns, the filters of values, and the names of filters with suggestions to the templates."""
    optional = [
        column for column in COLUMNS.values() if column.name not in (*_FIXED, *_WITHIN_OTHERS) and not column.on_request
    ]
    columns = [_column(column) for column in sorted(optional, key=lambda column: column.name == "state")]
    fields = [_field(field, alias) for field, alias in LISTED.values()]
    app.jinja_env.globals.update(explorer_fields=fields, explorer_columns=columns, explorer_suggests=tuple(FIELDS))


def _column(column: Column) -> dict[str, Any]:
    """Return a column as the template needs it."""
    declared = LISTED.get(column.name)
    kind = _kind(declared[0]) if declared else _KINDS.get(column.name, "text")
    return {
        "key": column.name,
        "label": column.label,
        "kind": kind,
        "usual": column.name in _DEFAULT or kind == "score",
    }


def _field(field: Field, alias: str) -> dict[str, Any]:
    """Return a filter of a value as the template needs it."""
    kind = _kind(field)
    return {
        "key": field.key,
        "label": field.label,
        "kind": kind,
        "section": "When" if kind == "day" else _SECTIONS[alias],
        "highest": f"{field.highest:g}",
        "step": "0.01" if kind == "share" else "0.1",
    }


def _kind(field: Field) -> str:
    """Return the kind of a value; a score from 0 to 1 is a share, which is shown as a percentage."""
    return {Kind.TEXT: "text", Kind.DAY: "day", Kind.SCORE: "share" if field.highest == 1 else "score"}[field.kind]
