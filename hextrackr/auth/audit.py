"""The audit: who did what, from where, and what it was before and after.

Each entry is a row that nobody changes any more, and a line of the log, which is there even when the row cannot be written.
Where there is no sign-in nobody is known, and nothing is written.
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

#: Entries that are looked at at a time where all are.
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


@dataclass(frozen=True)
class Filter:
    """Which entries are wanted.

    :ivar text: a part of who, from where, what it was done to, or of the outcome.
    :ivar action: what was done.
    :ivar since: milliseconds since the epoch; ``until`` as well, which is no longer meant.
    """

    text: str = ""
    action: str = ""
    since: int | None = None
    until: int | None = None

    def entries(self) -> Select[Any]:
        """The entries that it leaves, the newest first."""
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
    """A page of entries, as the API has them, and how many there are.

    No index helps to find a part of a text: the entries are looked through by pieces, between which others have the event loop.
    """
    rows: list[dict[str, Any]] = []
    total = 0
    for piece in _pieces(db.engine, wanted.entries(), _ROWS if wanted.text else None):
        with Session(db.engine) as session:
            count = session.scalar(select(func.count()).select_from(piece.order_by(None).subquery())) or 0
            if total + count > offset and len(rows) < limit:
                found = session.scalars(piece.limit(limit - len(rows)).offset(max(0, offset - total)))
                rows.extend(_told(row) for row in found)
        total += count
        socketio.sleep(0)
    return rows, total


def _pieces(engine: Engine, wanted: Select[Any], size: int | None) -> Iterator[Select[Any]]:
    """The entries by so many numbers at a time, the newest first; None for all at once."""
    with Session(engine) as session:
        newest = session.scalar(select(func.max(AuditEntry.id))) or 0
    size = size or max(1, newest)
    for until in range(newest, 0, -size):
        yield wanted.where(AuditEntry.id <= until, AuditEntry.id > until - size)


def actions() -> list[str]:
    """What was done so far, each once: found one after the other by the index, however many entries there are."""
    found: list[str] = []
    with Session(db.engine) as session:
        following = session.scalar(select(func.min(AuditEntry.action)))
        while following is not None:
            found.append(following)
            following = session.scalar(select(func.min(AuditEntry.action)).where(AuditEntry.action > following))
    return found


def cells(wanted: Filter) -> Iterator[tuple[Any, ...]]:
    """All of them, each as its :data:`COLUMNS`."""
    engine = db.engine

    def read() -> Iterator[tuple[Any, ...]]:
        for piece in _pieces(engine, wanted.entries(), _ROWS):
            with Session(engine) as session:
                rows = [_told(row) for row in session.scalars(piece)]
            for row in rows:
                yield tuple(_cell(row[column]) for column in COLUMNS)
            socketio.sleep(0)

    return read()


def _cell(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, dict) else value


def _told(row: AuditEntry) -> dict[str, Any]:
    return {
        "id": row.id, "time": row.at, "actor": row.actor, "via": row.via, "address": row.address, "action": row.action,
        "target": row.target, "outcome": row.outcome, "before": row.before, "after": row.after,
    }  # fmt: skip
