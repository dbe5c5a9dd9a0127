"""The sources: when each was scanned last, how often it usually is, and which have gone quiet."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import pairwise
from statistics import median
from typing import Any

from flask import Blueprint, request
from sqlalchemy import func, select

from hextrackr.domain.models import DailyTotal, Import, ImportState, Lifecycle, Source, StateTotal
from hextrackr.extensions import db
from hextrackr.ingest import formats

from . import filters, parameters, trends

blueprint = Blueprint("sources", __name__, url_prefix="/api")

#: A source of which one scan is known is quiet after this many days, and no source is before the second number.
QUIET_AFTER, NEVER_QUIET_BEFORE = 35, 3


@blueprint.get("/sources")
def sources() -> dict[str, Any]:
    """Every source with what is open in it."""
    is_open: dict[int, int] = {}
    for row in db.session.scalars(select(StateTotal).where(StateTotal.lifecycle != Lifecycle.RESOLVED)):
        is_open[row.source_id] = is_open.get(row.source_id, 0) + row.findings
    days: dict[int, list[date]] = {}
    for number, day in db.session.execute(
        select(DailyTotal.source_id, DailyTotal.day).distinct().order_by(DailyTotal.day)
    ):
        days.setdefault(number, []).append(day)
    last_imports = dict(
        db.session.execute(
            select(Import.source_id, func.max(Import.id))
            .where(Import.state == ImportState.COMPLETED, Import.undone_at.is_(None))
            .group_by(Import.source_id)
        ).all()
    )
    rows = db.session.scalars(select(Source).order_by(Source.scanner, Source.label))
    return {
        "data": [
            _source(row, days.get(row.id, []), is_open.get(row.id, 0), last_imports.get(row.id))
            for row in rows
            if row.id in last_imports
        ]
    }


@blueprint.get("/trends")
def trend() -> dict[str, Any]:
    """What was open over time."""
    limited = filters.requested(request.args)
    first, last = (parameters.day(request.args, name) for name in ("from", "to"))
    return {"data": trends.over_time(db.session, limited.sources, first, last)}


def _source(row: Source, days: Sequence[date], is_open: int, last_import: int | None) -> dict[str, Any]:
    every = usual_interval(days)
    return {
        "sourceId": row.id,
        "scanner": row.scanner,
        "scannerName": formats.scanner_name(row.scanner),
        "source": row.label,
        "lastScanDate": row.last_scan_date.isoformat() if row.last_scan_date else None,
        "scanDays": len(days),
        "usualIntervalDays": every,
        "quiet": row.last_scan_date is not None and is_quiet((date.today() - row.last_scan_date).days, every),
        "open": is_open,
        "lastImportId": last_import,
    }


def usual_interval(days: Sequence[date]) -> int | None:
    """The median of the days between the last ten scans, or None if there are no two.

    :param days: of the scans, the oldest first.
    """
    gaps = [(after - before).days for before, after in pairwise(days[-10:])]
    return round(median(gaps)) if gaps else None


def is_quiet(days: int, usual: int | None) -> bool:
    """Whether a source that was last scanned so many days ago has missed a scan: more than one and a half of its usual intervals."""
    expected = QUIET_AFTER if usual is None else max(NEVER_QUIET_BEFORE, usual * 3 // 2)
    return days > expected
