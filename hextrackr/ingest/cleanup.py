"""Empties the working tables of what is over: staged rows of imports that have ended, and values kept for an undo that is past."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, Delete, Engine, delete, exists, func, or_, select, text

from hextrackr.db import dialects
from hextrackr.db.base import Base
from hextrackr.domain import evidence, imports, record_version, undo
from hextrackr.domain.models import FINISHED, Import, Source

from . import staging

#: Rows of one transaction, so that nobody waits long for the database.
BATCH_ROWS = 20_000

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
            rows = rows.where(number.in_(select(number).where(mine).order_by(number).limit(BATCH_ROWS)))
        while _deleted(engine, rows) >= BATCH_ROWS and in_parts:
            pass


def _deleted(engine: Engine, rows: Delete) -> int:
    with engine.begin() as connection:
        return connection.execute(rows).rowcount


def run(engine: Engine) -> None:
    """Clear what nothing needs any more."""
    with engine.connect() as connection:
        ended = _over(connection)
        kept = _undoable(connection) | _just_undone(connection)
        past = [number for number in _undo_rows_of(connection) if number not in kept]
    for import_id in ended:
        clear(engine, staging.TABLES, import_id)
    for import_id in past:
        clear(engine, undo.TABLES, import_id)
    if ended or past:
        evidence.forget(engine)
    if ended:
        with engine.begin() as connection:
            dialects.analyse(connection, *_LISTED)


def _over(connection: Connection) -> list[int]:
    """The imports that are staged still, and have ended or were deleted."""
    staged = {number for model in staging.TABLES for number in _imports_in(connection, model)}
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
