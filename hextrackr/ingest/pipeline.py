"""Run one attempt at one import, from the stored file to the final tables; the functions are in the order of the steps."""

from __future__ import annotations

from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from hextrackr.db import engines
from hextrackr.domain import evidence, imports, promotion, staged
from hextrackr.domain.models import DateOrigin, Import, ImportMode, ImportState
from hextrackr.domain.staged import Places
from hextrackr.errors import FileRefused, HexTrackrError
from hextrackr.progress.estimate import Meter, Phase

from . import attempt, damage, dialect, duplicate_file, estimate, identify, row_errors, scan_date, staging
from .attempt import Job
from .csv_database import CsvDatabase, IrregularCsv, NotUtf8
from .csv_reader import Reader
from .damage import Separated
from .dialect import Dialect
from .estimate import Work
from .identify import Opened
from .read_queries import Counts


def run(job: Job, meter: Meter) -> ImportState:
    """Run an import.

    :return: ``COMPLETED`` or ``AWAITING_CONFIRMATION``.
    :raises HexTrackrError: it has failed; the final tables are as before.
    """
    database = partial(engines.opened, job.database_url, job.patience_ms, check_references=False)
    # DuckDB is closed in a thread during the promotion, and has ended before the caller removes its spill folder.
    with ThreadPoolExecutor(1, "closing") as beside:
        with database() as engine:
            staged = _staged(engine, job, meter, beside)
        if staged is None:
            return ImportState.COMPLETED
        with database(cache_mb=engines.PROMOTION_CACHE_MB) as engine:
            return _promote(engine, job, *staged, meter)


def _staged(engine: Engine, job: Job, meter: Meter, beside: Executor) -> tuple[Import, float | None] | None:
    """Stage the import; None if its file was imported before, and the import is complete.

    :return: its row, and the share of a sample of its findings, 0..1, that get other evidence, if there is one.
    """
    record = _record(engine, job)
    if record.answered and record.state == ImportState.PROMOTING and _is_whole(engine, record):
        meter.note(**staged_figures(record))
        return record, None
    if record.state == ImportState.PROMOTING:
        attempt.move(engine, job, ImportState.PROMOTING, ImportState.READING)
    opened = _opened(engine, job, record, meter)
    repeated = duplicate_file.earlier(engine, record, opened.source_id, opened.fingerprint)
    if repeated is not None and duplicate_file.complete(engine, job, repeated, meter):
        return None
    restated = _stage(engine, job, record, opened, meter, beside)
    return _record(engine, job), restated


def _record(engine: Engine, job: Job) -> Import:
    with Session(engine) as session:
        record = session.get_one(Import, job.import_id)
        session.expunge(record)
        return record


def _is_whole(engine: Engine, record: Import) -> bool:
    with engine.connect() as connection:
        return staged.is_whole(connection, record.id, record.staged)


def staged_figures(record: Import) -> dict[str, Any]:
    """The figures of a staged import, named as the progress contract names them."""
    return {
        "importId": record.id,
        "scanDate": record.scan_date.isoformat() if record.scan_date else None,
        "totalRows": record.rows_read,
        "rowsRead": record.rows_read,
        "insertedToStaging": record.staged,
        "merged": record.merged,
        "blank": record.blank,
        "rejected": record.rejected,
    }


def _opened(engine: Engine, job: Job, record: Import, meter: Meter) -> Opened:
    sample, size = identify.sample(Path(job.upload))
    rows = estimate.rows(size, ())
    meter.plan(_plan(engine, job, record, Work(size / 1_000, rows, rows, estimate.subjects(rows), new=rows)))
    meter.begin("recognise", "Reading the file...")
    return identify.opened(engine, job, record, sample, size)


def _stage(engine: Engine, job: Job, record: Import, opened: Opened, meter: Meter, beside: Executor) -> float | None:
    """Read and stage the file; return the share of a sample of its findings that get other evidence, 0..1."""
    before, rows = opened.before, opened.rows
    work = Work(opened.size / 1_000, rows, rows, estimate.subjects(rows))
    plan = partial(_plan, engine, job, record, asks=record.preview)
    meter.plan(plan(estimate.expected(work, before, opened.day(record))))
    meter.note(totalRows=rows)
    staging.clear(engine, staging.TABLES, record.id)

    with ExitStack() as leaving:
        reader = rows_read(job, opened, meter)
        leaving.callback(beside.submit, reader.close)
        meter.begin("deduplicate")
        counts = reader.deduplicate()
        if counts.rejected and not counts.findings:
            raise FileRefused(_all_rejected(reader, counts))
        meter.note(
            totalRows=counts.rows,
            rowsRead=counts.rows,
            rejected=counts.rejected,
            merged=counts.merged,
            blank=counts.blank,
        )
        found = opened.scan_dates(newest=counts.newest, started=counts.started, day_first=reader.day_first)
        day, of = chosen = scan_date.choose(scan_date.of_form(record), found, record.filename, opened.today)
        attempt.move(
            engine, job, ImportState.READING, ImportState.STAGING, scan_date=day, scan_date_from=of, **_counted(counts)
        )
        meter.note(scanDate=day.isoformat())
        work = replace(
            work, rows=counts.rows, findings=counts.findings, subjects=reader.subjects(), texts=reader.texts()
        )
        restated = evidence.share_changed(engine, opened.source_id, reader.evidence_sample()) if before.open else None
        if restated is not None:
            before = replace(before, restated=restated)
        meter.plan(plan(estimate.expected(work, before, day)))
        staging.load(engine, reader, job, meter)
        warnings, recognition = _warnings(reader, counts, chosen), reader.recognition(counts, found)
    attempt.move(
        engine, job, ImportState.STAGING, ImportState.PROMOTING, staged=counts.findings, source_id=opened.source_id,
        open_staged=counts.open, lease_until=attempt.until(attempt.PROMOTION_LEASE_MS), warnings=warnings, recognition=recognition,
    )  # fmt: skip
    return restated


def rows_read(job: Job, opened: Opened, meter: Meter) -> Reader:
    """Return a reader after its first pass; over a cleaned copy if the file itself cannot be read.

    First try the upload itself, or a copy in UTF-8; if not all of that is valid CSV, read a copy of the rows that are.
    """
    upload, copy, sound = Path(job.upload), Path(job.spill) / "copy.csv", Path(job.spill) / "sound.csv"
    found, known_format = opened.dialect, opened.recognised.format
    damage.check_header(found)

    def read(path: Path, found: Dialect, separated: Separated | None = None) -> Reader:
        database = CsvDatabase(
            path, found, spill=copy.parent, memory_limit=job.memory_limit, parallel=separated is None
        )
        reader = Reader(database, opened.recognised, opened.first, job.date_order, separated, today=opened.today)
        meter.begin("rows", f"Reading {known_format.name}...", measure=reader.progress)
        try:
            reader.read_rows()
        except HexTrackrError:
            reader.close()
            raise
        return reader

    backslash_quotes, irregular = known_format.backslash_quotes, False
    if found.encoding == "utf-8" and not found.guessed and not found.wrapped and not backslash_quotes:
        try:
            return read(upload, found)
        except NotUtf8:
            found = replace(found, guessed=True)
        except IrregularCsv:
            irregular = True
    dialect.write_copy(upload, copy, found, backslash_quotes=backslash_quotes)
    if not irregular:
        try:
            return read(copy, found)
        except IrregularCsv:
            pass
    return read(sound, found, damage.separate(copy, sound, found, opened.recognised))


def _promote(engine: Engine, job: Job, record: Import, restated: float | None, meter: Meter) -> ImportState:
    """Promote a staged import.

    :param restated: the share of a sample of its findings, 0..1, that get other evidence, if there is one.
    """
    assert record.source_id is not None and record.scan_date is not None
    meter.note(**staged_figures(record))
    before = estimate.source_state(engine, record.source_id, restated)
    earlier = _recognised_before(engine, record.source_id)
    work = Work(
        record.file_size / 1_000, record.rows_read, record.staged, estimate.staged_subjects(engine, record.id),
        texts=evidence.staged(engine, record.id),
    )  # fmt: skip
    day = record.scan_date
    plan = partial(_plan, engine, job, record)
    foreseen = estimate.foreseen(work, before, day, record.forecast or {}, resolves=record.mode != ImportMode.DELTA)
    meter.plan(plan(foreseen, asks=record.preview))

    def expected(outcomes: dict[str, int] | None, restated: int, *, asks: bool) -> list[Phase]:
        if outcomes is None:
            return plan(replace(foreseen, restated=restated), asks=asks)
        return plan(estimate.of_outcomes(work, before, day, outcomes, restated), asks=asks)

    return promotion.promote(
        engine,
        promotion.Promotion(
            import_id=record.id,
            epoch=job.epoch,
            source_id=record.source_id,
            day=record.scan_date,
            dated=record.scan_date_from != DateOrigin.TODAY,
            mode=ImportMode(record.mode),
            staged=record.staged,
            open_staged=record.open_staged,
            preview=record.preview,
            confirmed=record.confirmed,
            guard_percent=job.guard_percent,
            expected=expected,
            places=Places(
                ports=record.recognition.get("hasPorts", True),
                protocols=record.recognition.get("hasProtocols", True),
                no_ports=not earlier.get("hasPorts", True),
                no_protocols=not earlier.get("hasProtocols", True),
            ),
            columns_gone=tuple(
                sorted(set(earlier.get("usedColumns", ())) - set(record.recognition.get("usedColumns", ())))
            ),
            states_gone=earlier.get("hasStates", False) and not record.recognition.get("hasStates", True),
        ),
        meter,
    )


def _plan(engine: Engine, job: Job, record: Import, work: Work, *, asks: bool = False) -> list[Phase]:
    """The phases of an import.

    :param asks: the import asks before it is committed, unless it was confirmed.
    """
    return estimate.phases(engine.dialect.name, work, asks=asks and not record.confirmed, lists=job.lists)


def _recognised_before(engine: Engine, source_id: int) -> dict[str, Any]:
    """The recognition of the previous import of the same source; empty if there is none."""
    with engine.connect() as connection:
        return connection.execute(imports.latest(source_id, Import.recognition)).scalar() or {}


def _counted(counts: Counts) -> dict[str, int]:
    return {"rows_read": counts.rows, "merged": counts.merged, "blank": counts.blank, "rejected": counts.rejected}


def _all_rejected(reader: Reader, counts: Counts) -> str:
    first = reader.rejected()[0]
    return f"None of the {counts.rows} rows can be imported; the first, on line {first.line}: {first.reason}"


def _warnings(reader: Reader, counts: Counts, chosen: scan_date.Chosen) -> list[str]:
    warnings = reader.warnings()
    if counts.findings:
        warnings += chosen.warnings()
    else:
        warnings.append("The file contains no findings, so nothing was resolved.")
    if counts.rejected > row_errors.MAX_REJECTS:
        warnings.append(f"Only the first {row_errors.MAX_REJECTS} of {counts.rejected} rejected rows are listed.")
    return warnings
