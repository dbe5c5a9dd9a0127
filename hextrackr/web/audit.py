"""The audit log, for administrators."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from flask import Blueprint, Response, render_template, request

from hextrackr.auth import audit
from hextrackr.errors import RequestError

from . import answers
from .account import require_sign_in

blueprint = Blueprint("audit", __name__)
blueprint.before_request(require_sign_in)

_MAX_TEXT = 200


@blueprint.get("/audit")
def page() -> str:
    """Show the audit log."""
    return render_template("audit.html", actions=audit.actions())


@blueprint.get("/api/audit")
def entries() -> dict[str, Any]:
    """Answer a page of the entries that match the query, newest first."""
    page = answers.requested(default_limit=50)
    rows, total = audit.page(_filter(), page.limit, page.offset)
    return {"data": rows, "pagination": page.pagination(total)}


@blueprint.get("/api/audit.csv")
def as_csv() -> Response:
    """Answer all entries that match the query as CSV."""
    return Response(
        answers.csv_lines(audit.COLUMNS, audit.cells(_filter())),
        mimetype="text/csv",
        headers={"Content-Disposition": 'attachment; filename="audit.csv"'},
    )


def _filter() -> audit.Filter:
    text, action = request.args.get("search", ""), request.args.get("action", "")
    if len(text) > _MAX_TEXT or len(action) > _MAX_TEXT or "\0" in text + action:
        raise RequestError(f"search and action may have at most {_MAX_TEXT} characters, and no NUL.")
    first, last = _day("from"), _day("to")
    return audit.Filter(
        text=text,
        action=action,
        since=None if first is None else _instant(first),
        until=None if last is None else _instant(last + timedelta(days=1)),
    )


def _day(name: str) -> date | None:
    text = request.args.get(name, "")
    try:
        day = date.fromisoformat(text) if text else None
    except ValueError:
        raise RequestError(f"{name} must be a date such as 2026-08-20.") from None
    if day is not None and not 1970 <= day.year < 9999:
        raise RequestError(f"{name} must be between 1970 and 9998.")
    return day


def _instant(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)
