"""What the page of the explorer shows of the columns and values that are declared elsewhere: columns to choose from, and filters."""

from __future__ import annotations

from typing import Any

from flask import Flask

from hextrackr.domain.fields import Field, Kind
from hextrackr.queries.columns import COLUMNS, LISTED, Column
from hextrackr.queries.suggestions import FIELDS

#: Columns that cannot be taken away or moved, and those that are shown within others.
_FIXED, _WITHIN_OTHERS = ("severity", "host", "title"), ("id", "protocol")
#: What the values of a column are, where the registry does not declare it.
_KINDS = {"cves": "cves", "port": "port", "firstSeen": "day", "lastSeen": "day", "resolvedOn": "day", "state": "state"}
#: Columns that are shown until somebody chooses others; so are all scores.
_USUAL = ("cves", "port", "firstSeen", "lastSeen", "state")
#: Where each filter of a value stands, by the alias of what says it; days stand together.
_SECTIONS = {"d": "What", "f": "What", "h": "Where"}


def init_app(app: Flask) -> None:
    """Let templates know the columns, the filters of values, and which filters suggest what is on record."""
    chosen = [
        column for column in COLUMNS.values() if column.name not in (*_FIXED, *_WITHIN_OTHERS) and not column.on_request
    ]
    columns = [_column(column) for column in sorted(chosen, key=lambda column: column.name == "state")]
    fields = [_field(field, alias) for field, alias in LISTED.values()]
    app.jinja_env.globals.update(explorer_fields=fields, explorer_columns=columns, explorer_suggests=tuple(FIELDS))


def _column(column: Column) -> dict[str, Any]:
    """A column as a template needs it."""
    declared = LISTED.get(column.name)
    kind = _kind(declared[0]) if declared else _KINDS.get(column.name, "text")
    return {
        "key": column.name,
        "label": column.label,
        "kind": kind,
        "usual": column.name in _USUAL or kind == "score",
    }


def _field(field: Field, alias: str) -> dict[str, Any]:
    """A filter of a value as a template needs it."""
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
    """What a value is; a score up to 1 is a share, and is written as a percentage."""
    return {Kind.TEXT: "text", Kind.DAY: "day", Kind.SCORE: "share" if field.highest == 1 else "score"}[field.kind]
