"""The audit: who did what, from where, and what it was before and after.

Each entry is a row that nobody changes any more, and a line of the log, which is there even when the row cannot be written.
Where there is no sign-in nobody is known, and nothing is written.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

from flask import current_app, g, has_request_context, request
from sqlalchemy import Select, and_, func, or_, select
from sqlalchemy.orm import Session

from hextrackr.db import transactions
from hextrackr.errors import HexTrackrError
from hextrackr.escaping import escape_control_characters
from hextrackr.extensions import db, socketio
from hextrackr.jobs.queue import now_ms

from . import actors
from .actors import Actor
from .models import AuditEntry

log = logging.getLogger(__name__)

#: Rows that are read at a time where all are.
_ROWS = 1_000
#: Outcome of what worked.
OK = "ok"
COLUMNS = ("time", "actor", "via", "address", "action", "target", "outcome", "before", "after")


def set_up(log_format: str) -> None:
    """Let the lines of the audit be written whatever the level of the log is."""
    log.setLevel(logging.INFO)
    if log_format == "text" and not log.handlers:  # else the root logger has a handler
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(message)s"))
        log.addHandler(handler)


def about(target: str = "", *, before: dict[str, Any] | None = None, after: dict[str, Any] | None = None) -> None:
    """Say what the current request is about, for the entry that is written at its end."""
    g.audit_about = {"target": target, "before": before, "after": after}


def record(
    action: str,
    target: str = "",
    *,
    outcome: str = OK,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    actor: Actor | None = None,
    name: str = "",
) -> None:
    """Write an entry.

    :param actor: by default who makes the current request.
    :param name: what somebody who is not signed in claims to be called.
    """
    if not current_app.extensions["auth"].is_on:
        return
    if actor is None:
        actor = actors.current() if has_request_context() else actors.of_command()
    values = {
        "at": now_ms(),
        "actor": _short(actor.name if actor else name),
        "via": actor.via if actor else "nobody",
        "address": _short(request.remote_addr or "", 64) if has_request_context() else "",
        "action": action,
        "target": _short(target),
        "outcome": outcome,
        "before": before,
        "after": after,
    }
    log.info("%s", json.dumps({"audit": values}, ensure_ascii=True))
    try:
        transactions.write(db.engine, lambda session: session.add(AuditEntry(**values)), sleep=socketio.sleep)
    except HexTrackrError as error:
        log.error("The audit could not be written to the database: %s", error.detail)


def _short(text: str, length: int = 255) -> str:
    return escape_control_characters(text)[:length]


# Looking up


def chosen(*, text: str = "", action: str = "", since: int | None = None, until: int | None = None) -> Select[Any]:
    """The entries that a filter leaves, the newest first.

    :param text: a part of who, from where, what it was done to, or of the outcome.
    :param action: what was done.
    :param since: milliseconds since the epoch; ``until`` as well, which is no longer meant.
    """
    conditions = [] if not action else [AuditEntry.action == action]
    if text:
        columns = (AuditEntry.actor, AuditEntry.address, AuditEntry.target, AuditEntry.outcome)
        conditions.append(or_(*(column.icontains(text, autoescape=True) for column in columns)))
    if since is not None:
        conditions.append(AuditEntry.at >= since)
    if until is not None:
        conditions.append(AuditEntry.at < until)
    return select(AuditEntry).where(and_(True, *conditions)).order_by(AuditEntry.id.desc())


def page(wanted: Select[Any], limit: int, offset: int) -> tuple[list[dict[str, Any]], int]:
    """A page of entries, as the API has them, and how many there are."""
    with Session(db.engine) as session:
        total = session.scalar(select(func.count()).select_from(wanted.order_by(None).subquery())) or 0
        rows = [_told(row) for row in session.scalars(wanted.limit(limit).offset(offset))]
    return rows, total


def actions() -> list[str]:
    """What was done so far, each once."""
    with Session(db.engine) as session:
        return list(session.scalars(select(AuditEntry.action).distinct().order_by(AuditEntry.action)))


def cells(wanted: Select[Any]) -> Iterator[tuple[Any, ...]]:
    """All of them, each as its :data:`COLUMNS`."""
    engine = db.engine

    def read() -> Iterator[tuple[Any, ...]]:
        last: int | None = None
        while True:
            older = wanted if last is None else wanted.where(AuditEntry.id < last)
            with Session(engine) as session:
                rows = list(session.scalars(older.limit(_ROWS)))
            for row in rows:
                told = _told(row)
                yield tuple(_cell(told[column]) for column in COLUMNS)
            if len(rows) < _ROWS:
                return
            last = rows[-1].id
            socketio.sleep(0)

    return read()


def _cell(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, dict) else value


def _told(row: AuditEntry) -> dict[str, Any]:
    return {
        "id": row.id, "time": row.at, "actor": row.actor, "via": row.via, "address": row.address, "action": row.action,
        "target": row.target, "outcome": row.outcome, "before": row.before, "after": row.after,
    }  # fmt: skip
