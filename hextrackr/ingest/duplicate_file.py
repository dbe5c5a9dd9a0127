"""Recognise a file that was the last one imported into its source: the record has its findings already, so it is not read again.

A file is the same if its bytes (SHA-256) are the same, and the way of reading them: its format, column by column, and the code itself, so
that a fixed reader reads it again. Only the latest import of a source can be repeated, with the same options, and only while the source has
the same open findings as after that import. Then every finding of the file is on record as in the file. The repeat copies the results of
that import, with its rejected rows, and has a place in the history of its source like any other import; no finding is changed.
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
from hextrackr.domain import imports, lifecycle, record_version, sources, summary, totals, undo
from hextrackr.domain.models import Import, ImportState, Reject, Severity
from hextrackr.progress.estimate import TOTAL_STEPS, Meter, Phase

from . import attempt, row_errors, scan_date
from .attempt import Job
from .formats.format import Recognised

#: The columns that a repeat copies from the import that it repeats.
_COPIED = (
    "scan_date", "scan_date_from", "source_id", "rows_read", "blank", "merged", "rejected", "staged", "open_staged", "recognition",
)  # fmt: skip
_REJECT = (Reject.line, Reject.column, Reject.value, Reject.reason)


def fingerprint(digest: str | None, recognised: Recognised, date_order: str | None) -> str | None:
    """A hash of a file and the way it is read: if it is the same, every row is read the same.

    :param digest: the file's SHA-256, in hex; without one the file is never recognised.
    :return: 64 digits in hex, or None.
    """
    if not digest:
        return None
    read = [digest, program(), date_order, vars(recognised.format), recognised.places]
    return hashlib.sha256(json.dumps(read, default=_plain, sort_keys=True).encode()).hexdigest()


@cache
def program() -> str:
    """A hash of the code that reads files: our packages and the version of DuckDB."""
    code = hashlib.sha256(duckdb.__version__.encode())
    for folder in ("domain", "ingest"):
        for path in sorted((Path(__file__).parents[1] / folder).rglob("*.py")):
            code.update(path.read_bytes())
    return code.hexdigest()


def earlier(engine: Engine, record: Import, source_id: int, fingerprint: str | None) -> Import | None:
    """The import that this one repeats, as far as can be seen without a lock; None if the file has to be read."""
    with Session(engine, expire_on_commit=False) as session:
        latest = session.scalars(imports.latest(source_id, Import)).first()
        return latest if latest is not None and _is_repeated(latest, record, fingerprint) else None


def complete(engine: Engine, job: Job, repeated: Import, meter: Meter) -> bool:
    """Complete an import as a repeat of another one.

    :return: False if the record is not as that import left it; then nothing was done.
    :raises Cancelled: another attempt has taken over the import.
    """
    assert repeated.source_id is not None and repeated.scan_date is not None
    import_id, source_id, day = job.import_id, repeated.source_id, repeated.scan_date
    with engine.execution_options(durable=True).begin() as connection:
        lock_source(connection, source_id)
        attempt.check(connection, job, ImportState.READING)
        is_open = totals.open_in_source(connection, source_id)
        if not _is_unchanged(connection, repeated, is_open):
            return False
        meter.plan([Phase(name, TOTAL_STEPS, 0.02) for name in ("upsert", "commit")])
        meter.begin("upsert", "This file was imported before. Comparing it with the record...")
        place = imports.next_place(connection, source_id)
        outcomes = lifecycle.no_outcomes()
        outcomes["unchanged"] = {each.value: repeated.summary["compared"][each.name.lower()] for each in Severity}
        _copy_rejects(connection, import_id, repeated.id)
        undo.keep_totals(connection, import_id, source_id, day)
        totals.write(connection, source_id, day, is_open, outcomes)
        original = repeated.summary.get("repeats", repeated.id)
        import_summary = summary.of_nothing_new(outcomes, is_open) | {
            "compared": repeated.summary["compared"],
            "repeats": original,
        }
        warnings = repeated.warnings[:-1] if "repeats" in repeated.summary else repeated.warnings
        connection.execute(
            update(Import).where(Import.id == import_id).values(
                state=ImportState.COMPLETED, lease_until=0, finished_at=int(time.time() * 1000), upload="", place=place,
                unchanged=sum(outcomes["unchanged"].values()), summary=import_summary,
                source_label=imports.label_of_source(source_id),
                warnings=[*warnings, f"The file is the same as that of import {original}, so it was not read again."],
                **{name: getattr(repeated, name) for name in _COPIED},
            )
        )  # fmt: skip
        retired = sources.end_retirement(connection, import_id, source_id)
        if retired:
            connection.execute(update(Import).where(Import.id == import_id).values(summary=import_summary | retired))
        record_version.increment(connection, None if retired else import_id)
        meter.begin("commit")
    return True


def _is_repeated(latest: Import, record: Import, fingerprint: str | None) -> bool:
    if record.preview or fingerprint is None or fingerprint != latest.fingerprint or "compared" not in latest.summary:
        return False
    dates = latest.recognition["dates"]
    if dates["inFuture"]:
        return False  # they may be in the past by now
    found = scan_date.ScanDates.from_json(dates["scan"], day_first=dates["dayFirst"])
    day, of = scan_date.choose(scan_date.of_form(record), found, record.filename, date.today())
    return (record.mode, day, of) == (latest.mode, latest.scan_date, latest.scan_date_from)


def _is_unchanged(connection: Connection, repeated: Import, is_open: totals.OpenTotals) -> bool:
    """Whether an import is still the latest of its source, with the same open findings and rejects as at its end."""
    assert repeated.source_id is not None
    left, now = repeated.summary["bySeverity"], summary.by_severity({}, is_open)
    rejects = select(func.count()).select_from(Reject).where(Reject.import_id == repeated.id)
    return (
        connection.execute(imports.latest(repeated.source_id, Import.id)).scalar() == repeated.id
        and all(left[severity]["open"] == numbers["open"] for severity, numbers in now.items())
        and connection.execute(rejects).scalar_one() == min(repeated.rejected, row_errors.MAX_REJECTS)
    )


def _copy_rejects(connection: Connection, import_id: int, repeated_id: int) -> None:
    connection.execute(delete(Reject).where(Reject.import_id == import_id))
    rows = select(literal(import_id), *_REJECT).where(Reject.import_id == repeated_id).order_by(Reject.id)
    connection.execute(insert(Reject).from_select([Reject.import_id, *_REJECT], rows))


def _plain(value: Any) -> Any:
    """Encode values that JSON does not have: mappings, sets and the fields of a format."""
    if isinstance(value, Mapping):
        return dict(value)
    return sorted(value) if isinstance(value, frozenset) else vars(value)
