"""Imports bytes through the pipeline itself, without a server."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from config import TestingConfig
from hextrackr.importing import pipeline
from hextrackr.importing.job import Job
from hextrackr.importing.meter import Meter, Reading
from hextrackr.models import Import
from hextrackr.models.imports import ImportState

Importer = Callable[..., Import]


@pytest.fixture
def run_import(engine: Engine, config: TestingConfig, tmp_path: Path) -> Importer:
    """Import a file and return its row; ``readings`` collects what the meter reports."""
    return importer(engine, config.database_url, tmp_path, config.RESOLVE_GUARD_PERCENT)


def importer(engine: Engine, url: str, folder: Path, guard: int = 50) -> Importer:
    """What :func:`run_import` is, for any database."""

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


@pytest.fixture
def figures() -> Callable[[Import], dict[str, int]]:
    """The figures of an import that are not zero."""

    def of(record: Import) -> dict[str, int]:
        names = ("inserted", "updated", "reopened", "resolved", "unchanged", "merged", "blank", "rejected")
        return {name: getattr(record, name) for name in names if getattr(record, name)}

    return of
