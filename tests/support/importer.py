"""Import bytes through the pipeline itself, without a server."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from hextrackr.domain.models import Import, ImportState
from hextrackr.errors import HexTrackrError
from hextrackr.ingest import formats, pipeline
from hextrackr.ingest.attempt import Job
from hextrackr.ingest.dialect import detect, rows
from hextrackr.ingest.estimate import SourceState
from hextrackr.ingest.identify import Opened
from hextrackr.ingest.read_queries import Counts
from hextrackr.progress.estimate import Meter, Reading

Importer = Callable[..., Import]
#: The errors with which the reader refuses a file.
CODES = {"UNREADABLE_CSV", "UNKNOWN_FORMAT", "MISSING_COLUMNS"}


def importer(engine: Engine, url: str, folder: Path, guard: int = 50) -> Importer:
    """A function that imports a file into this database and returns its row; ``readings`` collects what the meter reports."""

    def run(
        content: bytes,
        readings: list[Reading] | None = None,
        filename: str = "scan.csv",
        date_order: str | None = None,
        **columns: Any,
    ) -> Import:
        upload = folder / f"{uuid.uuid4()}.csv"
        upload.write_bytes(content)
        values = {"state": ImportState.READING, "source_label": "", "vendor": "", **columns}
        with Session(engine) as session, session.begin():
            record = Import(
                session_id=str(uuid.uuid4()), filename=filename, file_size=len(content), created_at=1, **values
            )
            session.add(record)
            session.flush()
            import_id = record.id
        spill = folder / "spill"
        spill.mkdir(exist_ok=True)
        job = Job(import_id, 0, url, str(upload), str(spill), "128MB", guard, date_order)
        seconds = iter(range(1_000_000))
        report = readings.append if readings is not None else lambda reading: None
        pipeline.run(job, Meter(report, lambda: next(seconds) / 100))
        with Session(engine, expire_on_commit=False) as session:
            return session.get_one(Import, import_id)

    return run


def read(content: bytes, folder: Path) -> tuple[Counts, set[tuple[str, str]]] | None:
    """Read a file as the pipeline does before staging; None if it is refused with a code."""
    upload = folder / "scan.csv"
    upload.write_bytes(content)
    job = Job(1, 0, "", str(upload), str(folder), "128MB", 50)
    meter = Meter(lambda reading: None, lambda: 0.0)
    try:
        found = detect(content, complete=True, is_header=formats.is_header)
        recognised = formats.recognise(found.header)
        opened = Opened(
            len(content), found, recognised, rows(content, found), [], date(2026, 12, 31), 1, SourceState(0, None), None
        )
        with closing(pipeline.rows_read(job, opened, meter)) as reader:
            counts = reader.deduplicate()
            reader.read_definitions()
            joined = (
                "findings f JOIN assets a ON a.number = asset_number JOIN definitions d ON d.number = definition_number"
            )
            keys = set(
                next(
                    reader.batches(
                        f"(SELECT f.number, a.key AS host, d.key AS plugin FROM {joined})", ("host", "plugin"), 99
                    ),
                    [],
                )
            )
            assert counts.rows == counts.findings + counts.merged + counts.blank + counts.rejected
            assert all(row.line > 0 and row.reason for row in reader.rejected())
            reader.warnings()
            return counts, keys
    except HexTrackrError as refusal:
        assert refusal.code in CODES
        assert "\n" not in refusal.detail and refusal.detail.endswith(".")
        return None
