"""What the page of the explorer shows of the values that the registry declares: columns to choose from, and filters."""

from __future__ import annotations

from typing import Any

from flask import Flask

from hextrackr.domain.fields import Field, Kind
from hextrackr.queries.columns import LISTED

_BEFORE = (("ip", "IP address"), ("cves", "CVE"), ("port", "Port"))
_BEHIND = (("firstSeen", "First seen"), ("lastSeen", "Last seen"), ("state", "State"), ("source", "Source"))


def init_app(app: Flask) -> None:
    """Let templates know the values and the columns."""
    fields = [_of(field) for field, _ in LISTED.values()]
    columns = [*_BEFORE, *((field["key"], field["label"]) for field in fields), *_BEHIND]
    app.jinja_env.globals.update(explorer_fields=fields, explorer_columns=columns)


def _of(field: Field) -> dict[str, Any]:
    """A value as a template needs it; a score up to 1 is a share, and is written as a percentage."""
    kind = {Kind.TEXT: "text", Kind.DAY: "day", Kind.SCORE: "share" if field.highest == 1 else "score"}[field.kind]
    return {
        "key": field.key,
        "label": field.label,
        "kind": kind,
        "highest": f"{field.highest:g}",
        "step": "0.01" if kind == "share" else "0.1",
    }
