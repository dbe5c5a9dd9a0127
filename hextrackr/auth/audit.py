"""The audit log: who did what, from where, and the values before and after.

Each entry is a row that is never changed, and a line of the server's log, which exists even if the row cannot be written. Without a sign-in
nobody can be identified, and nothing is written.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flask import current_app, g, has_request_context, request
from sqlalchemy import Engine, Select, func, or_, select
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

#: Entries that are read at a time when all entries are searched or exported.
_ROWS = 1_000
#: The outcome of a successful action.
OK = "ok"
COLUMNS = ("time", "actor", "via", "address", "action", "target", "outcome", "before", "after")


def set_up(log_format: str) -> None:
    """Write the lines of the audit log whatever ``LOG_LEVEL`` is."""
    log.setLevel(logging.INFO)
    if log_format == "text" and not log.handlers:  # else the root logger has a handler
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(message)s"))
        log.addHandler(handler)


def about(target: str = "", *, before: dict[str, Any] | None = None, after: dict[str, Any] | None = None) -> None:
    """Set the target of the current request, and its values before and after, for the entry that is written when the request ends."""
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
    :param name: for somebody who is not signed in, the name that they entered.
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
        log.error("The audit entry could not be written to the database: %s", error.detail)


def _short(text: str, length: int = 255) -> str:
    return escape_control_characters(text)[:length]


# Search


@dataclass(frozen=True)
class Filter:
    """A filter for entries.

    :ivar text: a substring of the actor, address, target or outcome.
    :ivar action: the action, such as ``import``.
    :ivar since: the first instant, in milliseconds since the epoch; ``until`` is the first instant after the period.
    """

    text: str = ""
    action: str = ""
    since: int | None = None
    until: int | None = None

    def entries(self) -> Select[Any]:
        """Return a query for the matching entries, newest first."""
        wanted = select(AuditEntry).order_by(AuditEntry.id.desc())
        if self.action:
            wanted = wanted.where(AuditEntry.action == self.action)
        if self.text:
            columns = (AuditEntry.actor, AuditEntry.address, AuditEntry.target, AuditEntry.outcome)
            wanted = wanted.where(or_(*(column.icontains(self.text, autoescape=True) for column in columns)))
        if self.since is not None:
            wanted = wanted.where(AuditEntry.at >= self.since)
        if self.until is not None:
            wanted = wanted.where(AuditEntry.at < self.until)
        return wanted


def page(wanted: Filter, limit: int, offset: int) -> tuple[list[dict[str, Any]], int]:
    """Return a page of entries as the API sends them, and the total number of matching entries.

    A substring search cannot use an index, so it reads the entries in batches and lets other requests run in between.
    """
    rows: list[dict[str, Any]] = []
    total = 0
    for batch in _batches(db.engine, wanted.entries(), _ROWS if wanted.text else None):
        with Session(db.engine) as session:
            count = session.scalar(select(func.count()).select_from(batch.order_by(None).subquery())) or 0
            if total + count > offset and len(rows) < limit:
                found = session.scalars(batch.limit(limit - len(rows)).offset(max(0, offset - total)))
                rows.extend(_as_json(row) for row in found)
        total += count
        socketio.sleep(0)
    return rows, total


def _batches(engine: Engine, wanted: Select[Any], size: int | None) -> Iterator[Select[Any]]:
    """Yield queries for batches of entries, newest first; each covers ``size`` ids, or all of them if that is None."""
    with Session(engine) as session:
        newest = session.scalar(select(func.max(AuditEntry.id))) or 0
    size = size or max(1, newest)
    for until in range(newest, 0, -size):
        yield wanted.where(AuditEntry.id <= until, AuditEntry.id > until - size)


def actions() -> list[str]:
    """Return the distinct actions on record. Each is one look-up in the index, so the number of entries does not matter."""
    found: list[str] = []
    with Session(db.engine) as session:
        action = session.scalar(select(func.min(AuditEntry.action)))
        while action is not None:
            found.append(action)
            action = session.scalar(select(func.min(AuditEntry.action)).where(AuditEntry.action > action))
    return found


def cells(wanted: Filter) -> Iterator[tuple[Any, ...]]:
    """Return the cells of all matching entries, in the order of :data:`COLUMNS`."""
    engine = db.engine

    def read() -> Iterator[tuple[Any, ...]]:
        for batch in _batches(engine, wanted.entries(), _ROWS):
            with Session(engine) as session:
                rows = [_as_json(row) for row in session.scalars(batch)]
            for row in rows:
                yield tuple(_cell(row[column]) for column in COLUMNS)
            socketio.sleep(0)

    return read()


def _cell(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, dict) else value


def _as_json(row: AuditEntry) -> dict[str, Any]:
    return {
        "id": row.id, "time": row.at, "actor": row.actor, "via": row.via, "address": row.address, "action": row.action,
        "target": row.target, "outcome": row.outcome, "before": row.before, "after": row.after,
    }  # fmt: skip
