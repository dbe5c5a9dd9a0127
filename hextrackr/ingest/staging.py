"""Load the rows of the reader into the staging tables, in batches, each in a short transaction of its own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import Connection, Engine, delete

from hextrackr.db import dialects, verify_staging
from hextrackr.db.base import Base
from hextrackr.domain import evidence
from hextrackr.domain.models import (
    Evidence,
    ImportState,
    Reject,
    StagedAsset,
    StagedCve,
    StagedDefinition,
    StagedDetails,
    StagedEvidence,
    StagedFinding,
    StagedIdentifier,
    StagedObservation,
    StagedUnchecked,
)
from hextrackr.progress.estimate import Meter

from . import ownership, staging_schema
from .csv_reader import Reader
from .job import Job
from .loading import Loading, insert_many

_Columns = tuple[type[Base], str, tuple[str, ...]]
#: The tables that are loaded while the definitions are still being read, and those that follow.
_FIRST: tuple[_Columns, ...] = (
    (StagedAsset, "assets", staging_schema.ASSET_COLUMNS),
    (StagedIdentifier, "identifiers", staging_schema.IDENTIFIER_COLUMNS),
    (StagedUnchecked, "unchecked", staging_schema.UNCHECKED_COLUMNS),
    (StagedObservation, "observations", staging_schema.OBSERVATION_COLUMNS),
    (StagedFinding, "findings", staging_schema.FINDING_COLUMNS),
)
_THEN: tuple[_Columns, ...] = (
    (StagedDefinition, "definitions", staging_schema.DEFINITION_COLUMNS),
    (StagedCve, "cves", staging_schema.CVE_COLUMNS),
    (StagedDetails, "details", staging_schema.DETAIL_COLUMNS),
    (StagedEvidence, "evidence", staging_schema.EVIDENCE_COLUMNS),
)
#: The tables and columns for the statistics of the query planner. The ids of the final tables are still empty, so their statistics would
#: be misleading.
_ANALYSED = (
    "staging_findings", "staging_observations", "staging_cves", "staging_identifiers", "staging_unchecked", "staging_details",
    "staging_evidence",
    "staging_assets (import_id, number, key)", "staging_definitions (import_id, number, key)",
)  # fmt: skip
#: The staging tables.
TABLES = tuple(model for model, _, _ in (*_FIRST, *_THEN))


def load(engine: Engine, reader: Reader, job: Job, meter: Meter) -> None:
    """Fill the staging tables of one import with the deduplicated rows, while the reader reads the definitions in a thread.

    :raises Cancelled: the import was ended, or has another owner.
    :raises FileRefused: a text of a definition contains rows.
    :raises DatabaseUnavailable: the database was restarted meanwhile, and has lost some of the rows.
    """
    import_id = job.import_id
    with engine.begin() as connection:
        ownership.check(connection, job, ImportState.STAGING)
        connection.execute(delete(Reject).where(Reject.import_id == import_id))
        _insert_rejects(connection, reader, import_id)
    with ThreadPoolExecutor(1, "definitions") as beside:
        definitions = beside.submit(reader.read_definitions)
        try:
            meter.begin("stage", "Loading data to staging table...", units=_units(reader, _FIRST))
            for columns in _FIRST:
                _load(engine, reader, job, meter, columns)
            meter.begin("definitions")
            definitions.result()
        except BaseException:
            reader.interrupt()
            raise
    meter.begin("describe", units=_units(reader, _THEN) + reader.count("texts"))
    for columns in _THEN:
        _load(engine, reader, job, meter, columns)
    _add_texts(engine, reader, job, meter)
    with engine.begin() as connection:
        loaded = {model.__tablename__: reader.count(table) for model, table, _ in (*_FIRST, *_THEN)}
        verify_staging.require(connection, import_id, loaded)
        dialects.analyse(connection, *_ANALYSED, *(["evidence"] if loaded["staging_evidence"] else []))


def _units(reader: Reader, tables: tuple[_Columns, ...]) -> int:
    return sum(reader.count(table) for _, table, _ in tables)


def _load(engine: Engine, reader: Reader, job: Job, meter: Meter, columns: _Columns) -> None:
    model, table, names = columns
    loading = Loading(engine, model, names, job.import_id)
    for count, batch in loading.batches(reader, table):
        with engine.begin() as connection:
            loading.insert(connection, batch)
            # Last, as on PostgreSQL it locks the import's row, which the renewal of the lease updates.
            ownership.check(connection, job, ImportState.STAGING)
        meter.advance(count)


def _add_texts(engine: Engine, reader: Reader, job: Job, meter: Meter) -> None:
    """Write the texts of evidence whose digests are staged, each once; the clean-up removes those that no finding gets.

    They are sorted by digest, so that the index of digests grows page by page.
    """
    loading = Loading(engine, Evidence, staging_schema.TEXT_COLUMNS, job.import_id, table=evidence.READ_TEXTS)
    for count, batch in loading.batches(reader, "texts"):
        with dialects.for_writing(engine).begin() as connection:
            with evidence.adding(connection):
                loading.insert(connection, batch)
            ownership.check(connection, job, ImportState.STAGING)
        meter.advance(count)


def _insert_rejects(connection: Connection, reader: Reader, import_id: int) -> None:
    rejected = reader.rejected()
    if rejected:
        rows = [(row.line, row.column, row.value, row.reason) for row in rejected]
        insert_many(
            connection, Reject.__tablename__, ("line", '"column"', "value", "reason"), rows, import_id=import_id
        )
