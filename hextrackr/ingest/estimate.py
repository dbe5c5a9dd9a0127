"""Estimate the size of an import beforehand: from the state of its source, and from the first rows of its file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Engine, func, select

from hextrackr.domain import totals
from hextrackr.domain.models import Source, StagedAsset, StagedDefinition

#: Bytes of a row if the first rows do not show it.
_ROW_BYTES = 800
#: Assumed number of rows for each host or definition.
_ROWS_OF_SUBJECT = 30


@dataclass(frozen=True)
class SourceState:
    """The state of a source in the record: its number of open findings, and the ``day`` of its newest scan."""

    open: int
    day: date | None


def source_state(engine: Engine, source_id: int) -> SourceState:
    """Read the state of a source."""
    with engine.connect() as connection:
        is_open = sum(count for count, _ in totals.open_in_source(connection, source_id).values())
        day = connection.execute(select(Source.last_scan_date).where(Source.id == source_id)).scalar_one()
        return SourceState(is_open, day)


def rows(size: int, first: Sequence[Sequence[str]]) -> int:
    """Estimate the number of rows in a file of ``size`` bytes from the length of its first rows."""
    whole = first[:-1]  # the last one may be cut off
    each = sum(sum(map(len, row)) + len(row) for row in whole) / len(whole) if whole else _ROW_BYTES
    return max(1, int(size / max(1, each)))


def subjects(rows: int) -> int:
    """Estimate the number of hosts and definitions in this number of rows."""
    return max(1, rows // _ROWS_OF_SUBJECT)


def staged_subjects(engine: Engine, import_id: int) -> int:
    """Count the hosts and definitions that an import has staged."""
    with engine.connect() as connection:
        return sum(
            connection.execute(select(func.count()).where(table.import_id == import_id)).scalar_one()
            for table in (StagedAsset, StagedDefinition)
        )
