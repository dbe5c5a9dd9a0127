"""The imports that make up the record of a source, and the findings that each of them added.

New findings get ids above all existing ones, so the import's row has the first and the last. On PostgreSQL findings of another import may
have ids in between, and SQLite uses free ids again, so a finding names its import as well.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Select, func, or_, select, text

from .models import CURRENT_IMPORT, DateOrigin, Import, Source

#: SQL: the condition that one of the ``findings`` was added by the import with the parameter ``import_id``.
ADDED = """
    findings.id >= (SELECT first_finding FROM imports WHERE id = :import_id)
    AND findings.id <= (SELECT last_finding FROM imports WHERE id = :import_id) AND findings.opened_by = :import_id
"""


def current(source_id: int) -> tuple[Any, ...]:
    """The conditions for the imports that make up the record of a source, and have a place in the order of promotion."""
    return Import.source_id == source_id, text(CURRENT_IMPORT), Import.place.is_not(None)


def dated(source_id: int) -> tuple[Any, ...]:
    """The conditions for those of them whose date is that of the scan, and not just the day of the import."""
    return *current(source_id), or_(Import.scan_date_from.is_(None), Import.scan_date_from != DateOrigin.TODAY)


def latest(source_id: int, *columns: Any) -> Select[Any]:
    """Select these columns of the latest of the current imports."""
    return select(*columns).where(*current(source_id)).order_by(Import.place.desc()).limit(1)


def next_place(connection: Connection, source_id: int) -> int:
    """The place of the next import in the order of promotion of a source."""
    highest = connection.execute(select(func.max(Import.place)).where(Import.source_id == source_id)).scalar_one()
    return (highest or 0) + 1


def label_of_source(source_id: int) -> Any:
    """The label that a complete import has: it may have come under one that its source had before, or another scanner's source."""
    return select(Source.label).where(Source.id == source_id).scalar_subquery()


def newest_finding(connection: Connection) -> int:
    """The greatest id of a finding; 0 if there is none."""
    found: int = connection.execute(text("SELECT coalesce(max(id), 0) FROM findings")).scalar_one()
    return found


def note_added(connection: Connection, import_id: int, newest: int) -> None:
    """Store in an import's row the range of ids of the findings that it added, which are above the ``newest`` one before."""
    connection.execute(
        text("""
        UPDATE imports SET first_finding = (SELECT min(id) FROM findings WHERE id > :newest),
                           last_finding = (SELECT max(id) FROM findings WHERE id > :newest)
        WHERE id = :import_id
        """),
        {"import_id": import_id, "newest": newest},
    )
