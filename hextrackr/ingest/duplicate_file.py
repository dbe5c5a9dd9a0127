"""Knows a file again that was imported just before: what it says is what the record says, so it is not read once more.

Whether it is the same is told by its bytes (SHA-256) and by the way they are read: its format, column by column, and the very code
that does it, so that a mended reader reads it anew. Only the latest import of a source can be repeated, by one that asks for the same,
and only while the source holds open what that import has left. Then every finding of the file is on record as the file has it. The
repeat takes over what was found out of the file, its rejected rows as well, and has a place in the history of its source like any
other import; no finding is touched.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
from sqlalchemy import Connection, Engine, delete, func, insert, literal, select, update
from sqlalchemy.orm import Session

from hextrackr.db.dialects import lock_source
from hextrackr.domain import imports, lifecycle, record_version, retirement, summary, totals, undo
from hextrackr.domain.models import Import, ImportState, Reject, Severity
from hextrackr.progress.estimate import TOTAL_STEPS, Meter, Phase

from . import ownership, row_errors, scan_date
from .formats.format import Recognised
from .job import Job

#: What a repeat has in common with the import that it repeats.
_TAKEN_OVER = (
    "scan_date", "scan_date_from", "source_id", "rows_read", "blank", "merged", "rejected", "staged", "open_staged", "recognition",
)  # fmt: skip
_REJECT = (Reject.line, Reject.column, Reject.value, Reject.reason)


def fingerprint(digest: str | None, recognised: Recognised, date_order: str | None) -> str | None:
    """Stands for a file and the way it is read: the same where every row would say the same.

    :param digest: the file's SHA-256, in hex; without one the file is never known again.
    :return: 64 digits in hex, or None.
    """
    if not digest:
        return None
    read = [digest, program(), date_order, vars(recognised.format), recognised.places]
    return hashlib.sha256(json.dumps(read, default=_plain, sort_keys=True).encode()).hexdigest()


@cache
def program() -> str:
    """Stands for the code that reads files: the packages that read files, and DuckDB."""
    code = hashlib.sha256(duckdb.__version__.encode())
    for folder in ("domain", "ingest"):
        for path in sorted((Path(__file__).parents[1] / folder).rglob("*.py")):
            code.update(path.read_bytes())
    return code.hexdigest()


def earlier(engine: Engine, record: Import, source_id: int, fingerprint: str | None) -> Import | None:
    """The import that this one repeats, as far as can be told without a lock; None if it has to be read."""
    with Session(engine, expire_on_commit=False) as session:
        latest = session.scalars(imports.latest(source_id, Import)).first()
        return latest if latest is not None and _is_repeated(latest, record, fingerprint) else None


def settle(engine: Engine, job: Job, repeated: Import, meter: Meter) -> bool:
    """Complete an import as a repeat of another one.

    :return: False if the record is not what that one has left; then nothing was done.
    :raises Cancelled: the import is not this attempt's own any more.
    """
    assert repeated.source_id is not None and repeated.scan_date is not None
    import_id, source_id, day = job.import_id, repeated.source_id, repeated.scan_date
    with engine.execution_options(durable=True).begin() as connection:
        lock_source(connection, source_id)
        ownership.check(connection, job, ImportState.READING)
        is_open = totals.open_in_source(connection, source_id)
        if not _stands(connection, repeated, is_open):
            return False
        meter.plan([Phase(name, TOTAL_STEPS, 0.02) for name in ("upsert", "commit")])
        meter.begin("upsert", "The file is known. Comparing what it said with what is on record...")
        place = imports.next_place(connection, source_id)
        outcomes = lifecycle.no_outcomes()
        outcomes["unchanged"] = {each.value: repeated.summary["compared"][each.name.lower()] for each in Severity}
        _take_over_rejects(connection, import_id, repeated.id)
        undo.keep_totals(connection, import_id, source_id, day)
        totals.write(connection, source_id, day, is_open, outcomes)
        original = repeated.summary.get("repeats", repeated.id)
        told = summary.of_nothing_new(outcomes, is_open) | {
            "compared": repeated.summary["compared"],
            "repeats": original,
        }
        warnings = repeated.warnings[:-1] if "repeats" in repeated.summary else repeated.warnings
        connection.execute(
            update(Import).where(Import.id == import_id).values(
                state=ImportState.COMPLETED, lease_until=0, finished_at=int(time.time() * 1000), upload="", place=place,
                unchanged=sum(outcomes["unchanged"].values()), summary=told, source_label=imports.label_of_source(source_id),
                warnings=[*warnings, f"The file is the same as that of import {original}, so it was not read again."],
                **{name: getattr(repeated, name) for name in _TAKEN_OVER},
            )
        )  # fmt: skip
        retired = retirement.end(connection, import_id, source_id)
        if retired:
            connection.execute(update(Import).where(Import.id == import_id).values(summary=told | retired))
        record_version.increment(connection, None if retired else import_id)
        meter.begin("commit")
    return True


def _is_repeated(latest: Import, record: Import, fingerprint: str | None) -> bool:
    if record.preview or fingerprint is None or fingerprint != latest.fingerprint or "compared" not in latest.summary:
        return False
    dates = latest.recognition["dates"]
    if dates["inFuture"]:
        return False  # they may lie in the past by now
    said = scan_date.Said.of(dates["scan"], day_first=dates["dayFirst"])
    day, of = scan_date.choose(scan_date.of_form(record), said, record.filename, date.today())
    return (record.mode, day, of) == (latest.mode, latest.scan_date, latest.scan_date_from)


def _stands(connection: Connection, repeated: Import, is_open: totals.OpenTotals) -> bool:
    """Whether an import is still the latest of its source, and all that it has left is still there."""
    assert repeated.source_id is not None
    left, now = repeated.summary["bySeverity"], summary.by_severity({}, is_open)
    kept = select(func.count()).select_from(Reject).where(Reject.import_id == repeated.id)
    return (
        connection.execute(imports.latest(repeated.source_id, Import.id)).scalar() == repeated.id
        and all(left[severity]["open"] == numbers["open"] for severity, numbers in now.items())
        and connection.execute(kept).scalar_one() == min(repeated.rejected, row_errors.MAX_REJECTS)
    )


def _take_over_rejects(connection: Connection, import_id: int, repeated_id: int) -> None:
    connection.execute(delete(Reject).where(Reject.import_id == import_id))
    rows = select(literal(import_id), *_REJECT).where(Reject.import_id == repeated_id).order_by(Reject.id)
    connection.execute(insert(Reject).from_select([Reject.import_id, *_REJECT], rows))


def _plain(value: Any) -> Any:
    """What JSON has no type for: mappings, sets and the fields of a format."""
    if isinstance(value, Mapping):
        return dict(value)
    return sorted(value) if isinstance(value, frozenset) else vars(value)
