"""Loads what the reader found into the staging tables, batch by batch, each in a short transaction of its own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Engine, delete

from hextrackr.models import Base, Reject, StagedAsset, StagedCve, StagedDefinition, StagedFinding
from hextrackr.models.imports import ImportState

from . import neutral, ownership
from .job import Job
from .meter import Meter
from .reader import Reader

#: Rows of one transaction: about 20 ms each, so that nobody waits long for the database.
BATCH_ROWS = 5000
#: Never keep more rejects than a person can look at; the count stays exact.
MAX_REJECTS = 10_000

_COLUMNS: tuple[tuple[type[Base], str, tuple[str, ...]], ...] = (
    (StagedAsset, "assets", neutral.ASSET_COLUMNS),
    (StagedDefinition, "definitions", neutral.DEFINITION_COLUMNS),
    (StagedCve, "cves", neutral.CVE_COLUMNS),
    (StagedFinding, "findings", neutral.FINDING_COLUMNS),
)
#: The staging tables.
TABLES = tuple(model for model, _, _ in _COLUMNS)


def load(engine: Engine, reader: Reader, job: Job, meter: Meter) -> None:
    """Fill the staging tables of one import from what the reader has deduplicated.

    :raises Cancelled: the import was ended, or has another owner.
    """
    import_id = job.import_id
    with engine.begin() as connection:
        ownership.check(connection, job, ImportState.STAGING)
        connection.execute(delete(Reject).where(Reject.import_id == import_id))
        _insert_rejects(connection, reader, import_id)
    for model, table, names in _COLUMNS:
        for batch in reader.batches(table, names, BATCH_ROWS):
            with engine.begin() as connection:
                ownership.check(connection, job, ImportState.STAGING)
                insert_many(
                    connection, model.__tablename__, ("import_id", *names), ((import_id, *row) for row in batch)
                )
            meter.advance(len(batch))


def units(reader: Reader) -> int:
    """How many rows :func:`load` will count."""
    return sum(reader.count(table) for _, table, _ in _COLUMNS)


def insert_many(connection: Connection, table: str, names: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> None:
    """Insert rows by the driver's own ``executemany``: SQLAlchemy's would build a dictionary for each row."""
    marks = ", ".join("?" * len(names))
    connection.exec_driver_sql(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", list(rows))


def _insert_rejects(connection: Connection, reader: Reader, import_id: int) -> None:
    rejected = reader.rejected()[:MAX_REJECTS]
    if rejected:
        rows = ((import_id, row.line, row.column, row.value, row.reason) for row in rejected)
        insert_many(connection, Reject.__tablename__, ("import_id", "line", '"column"', "value", "reason"), rows)
