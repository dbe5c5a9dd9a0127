"""Load the rows of the reader into the staging tables, in batches, each in a short transaction of its own; and empty them again.

The clean-up removes what is over: staged rows of imports that have ended, and values stored for an undo that is past.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Any

from sqlalchemy import Connection, Delete, Engine, String, Text, delete, exists, func, or_, select, text

from hextrackr.db import Base, dialects
from hextrackr.domain import evidence, imports, record_version, staged, undo
from hextrackr.domain.models import (
    FINISHED,
    Evidence,
    Import,
    ImportState,
    Reject,
    Source,
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

from . import attempt, read_queries
from .attempt import Job
from .csv_reader import Reader

_Columns = tuple[type[Base], str, tuple[str, ...]]
#: The tables that are loaded while the definitions are still being read, and those that follow.
_FIRST: tuple[_Columns, ...] = (
    (StagedAsset, "assets", read_queries.ASSET_COLUMNS),
    (StagedIdentifier, "identifiers", read_queries.IDENTIFIER_COLUMNS),
    (StagedUnchecked, "unchecked", read_queries.UNCHECKED_COLUMNS),
    (StagedObservation, "observations", read_queries.OBSERVATION_COLUMNS),
    (StagedFinding, "findings", read_queries.FINDING_COLUMNS),
)
_THEN: tuple[_Columns, ...] = (
    (StagedDefinition, "definitions", read_queries.DEFINITION_COLUMNS),
    (StagedCve, "cves", read_queries.CVE_COLUMNS),
    (StagedDetails, "details", read_queries.DETAIL_COLUMNS),
    (StagedEvidence, "evidence", read_queries.EVIDENCE_COLUMNS),
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
        attempt.check(connection, job, ImportState.STAGING)
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
        staged.require_whole(connection, import_id, loaded)
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
            attempt.check(connection, job, ImportState.STAGING)
        meter.advance(count)


def _add_texts(engine: Engine, reader: Reader, job: Job, meter: Meter) -> None:
    """Write the texts of evidence whose digests are staged, each once; the clean-up removes those that no finding gets.

    They are sorted by digest, so that the index of digests grows page by page.
    """
    loading = Loading(engine, Evidence, read_queries.TEXT_COLUMNS, job.import_id, table=evidence.READ_TEXTS)
    for count, batch in loading.batches(reader, "texts"):
        with dialects.for_writing(engine).begin() as connection:
            with evidence.adding(connection):
                loading.insert(connection, batch)
            attempt.check(connection, job, ImportState.STAGING)
        meter.advance(count)


def _insert_rejects(connection: Connection, reader: Reader, import_id: int) -> None:
    rejected = reader.rejected()
    if rejected:
        rows = [(row.line, row.column, row.value, row.reason) for row in rejected]
        insert_many(
            connection, Reject.__tablename__, ("line", '"column"', "value", "reason"), rows, import_id=import_id
        )


#: Rows of one transaction: about 20 ms each, so that nobody waits long for the database.
BATCH_ROWS = 5_000
#: Rows of one transaction on PostgreSQL, where nobody waits.
STREAMED_ROWS = 50_000
#: Rows of one transaction with long texts, on both, as a batch is in memory.
BATCH_TEXTS = 2_000
#: Rows of one statement: the limit is SQLite's number of parameters, with the widest table.
ROWS_AT_ONCE = 200


class Loading:
    """Loads one import's rows into one staging table.

    :param names: the columns, which are the same in the reader's table and in the staging table.
    :param table: another table than the model's, with the same columns and ``import_id``.
    """

    def __init__(
        self, engine: Engine, model: type[Base], names: tuple[str, ...], import_id: int, table: str | None = None
    ) -> None:
        self._streams = dialects.is_postgresql(engine)
        self._table = table or model.__tablename__
        self._columns = [model.__table__.c[name] for name in names]
        self._names = names
        self._import_id = import_id

    def batches(self, reader: Reader, table: str) -> Iterator[tuple[int, Any]]:
        """Yield the rows of a table of the reader in batches: their number, and the argument for :meth:`insert`."""
        has_texts = any(isinstance(column.type, Text) for column in self._columns)
        if self._streams:
            cells = [str(self._import_id), *(_cell(column) for column in self._columns)]
            yield from reader.lines(table, cells, BATCH_TEXTS if has_texts else STREAMED_ROWS)
        else:
            for batch in reader.batches(table, self._names, BATCH_TEXTS if has_texts else BATCH_ROWS):
                yield len(batch), batch

    def insert(self, connection: Connection, batch: Any) -> None:
        """Insert one batch."""
        if self._streams:
            dialects.copy_lines(connection, self._table, ("import_id", *self._names), batch)
        else:
            insert_many(connection, self._table, self._names, batch, import_id=self._import_id)


def insert_many(
    connection: Connection, table: str, names: tuple[str, ...], rows: Sequence[tuple[Any, ...]], **same: int
) -> None:
    """Insert rows, many with each statement: one statement for each row would take three times as long.

    :param same: columns with the same number in every row.
    """
    mark = dialects.mark(connection)
    row = f"({', '.join((*map(str, same.values()), *(mark for _ in names)))})"
    for place in range(0, len(rows), ROWS_AT_ONCE):
        some = rows[place : place + ROWS_AT_ONCE]
        values = ", ".join([row] * len(some))
        connection.exec_driver_sql(
            f"INSERT INTO {table} ({', '.join((*same, *names))}) VALUES {values}", tuple(chain.from_iterable(some))
        )


def _cell(column: Any) -> str:
    """A value in PostgreSQL's text format."""
    cell = column.name
    if isinstance(column.type, String):
        for character, letter in (("'\\'", "\\"), ("chr(10)", "n"), ("chr(13)", "r"), ("chr(9)", "t")):
            cell = f"replace({cell}, {character}, '\\{letter}')"
    return f"coalesce(CAST({cell} AS VARCHAR), '\\N')" if column.nullable else cell


#: Rows of one transaction, so that nobody waits long for the database.
CLEANUP_ROWS = 20_000

#: What lists are made of: an import may have changed much of it.
_LISTED = ("findings", "assets", "definitions", "definition_cves", "asset_weights", "definition_weights")

Tables = Sequence[type[Base]]


def clear(engine: Engine, tables: Tables, import_id: int) -> None:
    """Delete what these tables hold of one import.

    SQLite has one writer, whom others wait for: there it takes many short transactions. On PostgreSQL nobody waits, and to look for a
    part of them could take it longer than to delete them all.
    """
    in_parts = not dialects.is_postgresql(engine)
    for model in tables:
        number, mine = list(model.__table__.primary_key)[1], model.__table__.c.import_id == import_id
        rows = delete(model).where(mine)
        if in_parts:
            rows = rows.where(number.in_(select(number).where(mine).order_by(number).limit(CLEANUP_ROWS)))
        while _deleted(engine, rows) >= CLEANUP_ROWS and in_parts:
            pass


def _deleted(engine: Engine, rows: Delete) -> int:
    with engine.begin() as connection:
        return connection.execute(rows).rowcount


def clean_up(engine: Engine) -> None:
    """Clear what nothing needs any more."""
    with engine.connect() as connection:
        ended = _over(connection)
        kept = _undoable(connection) | _just_undone(connection)
        past = [number for number in _undo_rows_of(connection) if number not in kept]
    for import_id in ended:
        clear(engine, TABLES, import_id)
    for import_id in past:
        clear(engine, undo.TABLES, import_id)
    if ended or past:
        evidence.forget(engine)
    if ended:
        with engine.begin() as connection:
            dialects.analyse(connection, *_LISTED)


def _over(connection: Connection) -> list[int]:
    """The imports that are staged still, and have ended or were deleted."""
    staged = {number for model in TABLES for number in _imports_in(connection, model)}
    unfinished = set(connection.scalars(select(Import.id).where(Import.state.not_in(FINISHED))))
    return sorted(staged - unfinished)


def _imports_in(connection: Connection, model: type[Base]) -> Iterator[int]:
    """The imports of which a table has rows. Looked up one after the other by its key: there may be millions of rows of few imports."""
    of_import, last = model.__table__.c.import_id, -1
    while (found := connection.scalar(select(func.min(of_import)).where(of_import > last))) is not None:
        yield found
        last = found


def _undo_rows_of(connection: Connection) -> list[int]:
    """The imports of which there are values for an undo."""
    holding = or_(*(exists().where(model.__table__.c.import_id == Import.id) for model in undo.TABLES))
    return list(connection.scalars(select(Import.id).where(holding)))


def _undoable(connection: Connection) -> set[int]:
    """The imports that can still be taken back, one after the other."""
    kept: set[int] = set()
    for source_id, since_merge in connection.execute(select(Source.id, Source.undoable_from)).all():
        since = max(imports.next_place(connection, source_id) - undo.DEPTH, since_merge)
        kept.update(connection.scalars(select(Import.id).where(*imports.current(source_id), Import.place >= since)))
    return kept


def _just_undone(connection: Connection) -> set[int]:
    """The imports whose undo the copy of the record may still have to take over: it reads there what they had changed."""
    return set(connection.scalars(text(record_version.UNDONE_IMPORTS)))
