"""One finding with all that is known of it, and what each import did to it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from hextrackr.domain.fields import FINDING
from hextrackr.domain.models import Definition, EventKind, Evidence, Finding, FindingEvent, Import, Lifecycle, Severity

from . import bounded_answers, findings

_AFTER = {
    EventKind.OPENED: Lifecycle.ACTIVE,
    EventKind.REOPENED: Lifecycle.REOPENED,
    EventKind.RESOLVED: Lifecycle.RESOLVED,
}


def of_finding(session: Session, finding_id: int) -> dict[str, Any] | None:
    """A finding as the list has it, with its evidence, its definition's text and its ``history``, the oldest event first; or None."""
    rows = findings.records(session, Finding.id == finding_id)
    if not rows:
        return None
    definition = session.scalars(
        select(Definition).join(Finding, Finding.definition_id == Definition.id).where(Finding.id == finding_id)
    ).one()
    evidence = select(Evidence.text).join(Finding, Finding.evidence_id == Evidence.id).where(Finding.id == finding_id)
    return {
        **rows[0],
        "evidence": session.scalar(evidence),
        "title": definition.title,
        "description": definition.description,
        "solution": definition.solution,
        "seeAlso": definition.see_also,
        "cvssVector": definition.cvss_vector,
        "published": definition.published.isoformat() if definition.published else None,
        "updated": definition.updated.isoformat() if definition.updated else None,
        **_history(session, finding_id),
    }


def _history(session: Session, finding_id: int) -> dict[str, Any]:
    """The events, of very many the last ones, and how many there are."""
    rows = session.execute(
        select(FindingEvent, Import.filename)
        .join(Import, Import.id == FindingEvent.import_id)
        .where(FindingEvent.finding_id == finding_id)
        .order_by(FindingEvent.day, Import.place, FindingEvent.import_id)
    ).all()
    last = rows[-bounded_answers.ENTRIES :]
    return {"history": [_event(row.FindingEvent, row.filename) for row in last], "historyTotal": len(rows)}


def _event(event: FindingEvent, filename: str) -> dict[str, Any]:
    after = _AFTER.get(EventKind(event.kind), event.lifecycle_before)
    known_before = event.lifecycle_before is not None
    return {
        "importId": event.import_id,
        "filename": filename,
        "kind": event.kind,
        "day": event.day.isoformat(),
        "before": _values(event, event.lifecycle_before, event.severity_before, "_before") if known_before else None,
        "after": _values(event, after, event.severity),
    }


def _values(event: FindingEvent, state: str | None, severity: int | None, which: str = "") -> dict[str, Any]:
    named = None if severity is None else Severity(severity).name.lower()
    return {"state": state, "severity": named} | {field.key: getattr(event, field.name + which) for field in FINDING}
