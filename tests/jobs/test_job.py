"""What the importer process is told of an import."""

from __future__ import annotations

from dataclasses import replace

from hextrackr.domain.models import Import
from hextrackr.ingest.attempt import Job, job_of

UPLOAD = "0" * 32 + ".abcdef-1-2.csv"


def test_a_job_is_made_of_its_import_and_the_settings(config):
    settings = replace(config, DUCKDB_MEMORY_LIMIT="64MB", RESOLVE_GUARD_PERCENT=20)
    instance = config.INSTANCE_PATH
    row = Import(id=7, epoch=3, upload=UPLOAD, date_order="day-first")
    assert job_of(row, settings) == Job(
        import_id=7,
        epoch=3,
        database_url=config.database_url,
        upload=str(instance / "uploads" / UPLOAD),
        spill=str(instance / "spill" / "7-3"),
        memory_limit="64MB",
        guard_percent=20,
        date_order="day-first",
        instance=str(instance),
    )


def test_a_job_survives_the_line_that_carries_it(config):
    job = job_of(Import(id=7, epoch=3, upload=UPLOAD), config)
    assert Job(**job.as_json()) == job
