"""How much was open over time, and what each day's scans changed: from the totals that every import keeps of its day."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from hextrackr.domain.models import WORST_FIRST, DailyTotal, Import, ImportState

_NAMES = {severity.value: severity.name.lower() for severity in WORST_FIRST}
_CHANGES = ("opened", "resolved", "reopened")


@dataclass
class _Day:
    """What was open in a source after the scans of a day, by severity, and what they changed."""

    open: dict[int, int] = field(default_factory=dict)
    vpr: float = 0.0
    changes: dict[str, dict[int, int]] = field(default_factory=lambda: {name: {} for name in _CHANGES})


#: Source -> day -> what there was.
_History = dict[int, dict[date, _Day]]


def over_time(
    session: Session, sources: Collection[int] | None, first: date | None, last: date | None
) -> list[dict[str, Any]]:
    """A point for each day with a scan, the oldest first.

    Between two scans of a source what is open in it stays as the last one left it; what is open is the sum over the sources.

    :param sources: ids; None for all.
    :param first: the first day to tell of, and ``last`` the last one; what was before is taken into account.
    """
    history = _history(session, sources, last)
    newest: dict[int, _Day] = {}
    points = []
    for day in sorted({day for days in history.values() for day in days}):
        scanned = {source: days[day] for source, days in history.items() if day in days}
        newest |= scanned
        if first is None or day >= first:
            points.append({"day": day.isoformat(), **_standing(newest.values()), **_changed(scanned.values())})
    return points


def last_scans(session: Session) -> dict[str, Any]:
    """What the last day of scans of each source changed against the day before of that source."""
    history = _history(session, None, None)
    lasts, befores, days = [], [], []
    for of_source in history.values():
        ordered = sorted(of_source)
        lasts.append(of_source[ordered[-1]])
        befores += [of_source[day] for day in ordered[-2:-1]]
        days.append(ordered[-1])
    numbers = _imports_of(session, {source: max(of_source) for source, of_source in history.items()})
    open_now, open_before = _sum(day.open for day in lasts), _sum(day.open for day in befores)
    changes = {name: _sum(day.changes[name] for day in lasts) for name in _CHANGES}
    return {
        "from": min(days).isoformat() if days else None,
        "to": max(days).isoformat() if days else None,
        "importIds": numbers,
        "bySeverity": {
            name: {
                "change": open_now.get(value, 0) - open_before.get(value, 0),
                **{kind: changes[kind].get(value, 0) for kind in _CHANGES},
            }
            for value, name in _NAMES.items()
        },
    }


def _history(session: Session, sources: Collection[int] | None, last: date | None) -> _History:
    wanted = select(DailyTotal)
    if sources is not None:
        wanted = wanted.where(DailyTotal.source_id.in_(sorted(sources)))
    if last is not None:
        wanted = wanted.where(DailyTotal.day <= last)
    history: _History = {}
    columns = (DailyTotal.source_id, DailyTotal.day, DailyTotal.severity, DailyTotal.open, DailyTotal.vpr_sum)
    for source, day, severity, is_open, vpr, *changes in session.execute(
        wanted.with_only_columns(*columns, DailyTotal.opened, DailyTotal.resolved, DailyTotal.reopened)
    ):
        found = history.setdefault(source, {}).setdefault(day, _Day())
        found.open[severity] = is_open
        found.vpr += vpr
        for name, number in zip(_CHANGES, changes, strict=True):
            found.changes[name][severity] = number
    return history


def _imports_of(session: Session, days: dict[int, date]) -> list[int]:
    """The imports of these days, each of its source, that stand."""
    rows = session.execute(
        select(Import.id, Import.source_id, Import.scan_date)
        .where(Import.state == ImportState.COMPLETED, Import.undone_at.is_(None), Import.place.is_not(None))
        .where(Import.source_id.in_(sorted(days)), Import.scan_date >= min(days.values(), default=date.max))
        .order_by(Import.id)
    )
    return [row.id for row in rows if days[row.source_id] == row.scan_date]


def _standing(days: Collection[_Day]) -> dict[str, Any]:
    is_open = _sum(day.open for day in days)
    by_severity = {name: is_open.get(value, 0) for value, name in _NAMES.items()}
    return {"open": by_severity, "total": sum(by_severity.values()), "vprSum": round(sum(day.vpr for day in days), 1)}


def _changed(days: Collection[_Day]) -> dict[str, int]:
    return {name: sum(sum(day.changes[name].values()) for day in days) for name in _CHANGES}


def _sum(parts: Any) -> dict[int, int]:
    found: dict[int, int] = {}
    for part in parts:
        for severity, number in part.items():
            found[severity] = found.get(severity, 0) + number
    return found
