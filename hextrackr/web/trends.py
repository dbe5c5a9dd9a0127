"""Figures over time: changes, open findings and how long findings stay open; each table also as CSV."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flask import Blueprint, Response, request

from hextrackr.domain.models import WORST_FIRST

from .answers import answer, ask, csv_lines

blueprint = Blueprint("trends", __name__, url_prefix="/api")

_SEVERITIES = tuple(severity.name.lower() for severity in WORST_FIRST)
#: Name of a table -> its question to the reader, and the columns of its CSV file.
_TABLES: dict[str, tuple[str, tuple[str, ...]]] = {
    "days": (
        "over_time",
        ("day", *(f"open.{name}" for name in _SEVERITIES), "total", "vprSum", "opened", "resolved", "reopened"),
    ),
    "weeks": ("changes_by_week", ("week", "scans", "opened", "firstScans", "reopened", "resolved")),
    "ages": (
        "open_by_month",
        ("month", "day", *(f"{figure}.{name}" for figure in ("open", "medianAge") for name in _SEVERITIES)),
    ),
    "resolved": (
        "resolved_by_month",
        ("month", *(f"{figure}.{name}" for figure in ("resolved", "medianDays") for name in _SEVERITIES)),
    ),
}


@blueprint.get("/changes")
def recent_changes() -> Response:
    """Answer what recent scans changed."""
    return answer("recent_changes", **request.args.to_dict())


@blueprint.get("/response-times")
def response_times() -> Response:
    """Answer how many findings are overdue, and how long it takes to resolve findings."""
    return answer("response_times", **request.args.to_dict())


@blueprint.get("/trends", defaults={"table": "days"})
@blueprint.get("/trends/weeks", defaults={"table": "weeks"})
@blueprint.get("/trends/ages", defaults={"table": "ages"})
@blueprint.get("/trends/resolved", defaults={"table": "resolved"})
def trends(table: str) -> Response:
    """Answer a table over time."""
    question, _ = _TABLES[table]
    return answer(question, **request.args.to_dict())


@blueprint.get("/trends.csv", defaults={"table": "days"})
@blueprint.get("/trends/weeks.csv", defaults={"table": "weeks"})
@blueprint.get("/trends/ages.csv", defaults={"table": "ages"})
@blueprint.get("/trends/resolved.csv", defaults={"table": "resolved"})
def trends_as_csv(table: str) -> Response:
    """Answer a table over time as CSV."""
    question, columns = _TABLES[table]
    data = ask(question, **request.args.to_dict())["data"]
    response = Response(csv_lines(columns, (tuple(_cells(row, columns)) for row in data)), mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="trends-{table}.csv"'
    return response


def _cells(row: Mapping[str, Any], columns: tuple[str, ...]) -> Iterator[Any]:
    """Yield the values of a row; the column ``open.critical`` is ``row["open"]["critical"]``."""
    for column in columns:
        name, _, severity = column.partition(".")
        yield row[name][severity] if severity else row[name]
