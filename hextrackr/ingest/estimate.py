"""What can be known beforehand of an import's size: what stands open in its source, and what the first rows of its file promise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Engine, func, select

from hextrackr.domain import totals
from hextrackr.domain.models import Source, StagedAsset, StagedDefinition

#: What a row takes where the first ones do not tell, in bytes.
_ROW_BYTES = 800
#: Rows for each host or definition, where nothing tells.
_ROWS_OF_SUBJECT = 30


@dataclass(frozen=True)
class Standing:
    """What is on record of a source: how many findings are ``known`` to be open, and the ``day`` of its newest scan."""

    known: int
    day: date | None


def standing(engine: Engine, source_id: int) -> Standing:
    """What is on record of a source."""
    with engine.connect() as connection:
        is_open = sum(count for count, _ in totals.open_in_source(connection, source_id).values())
        day = connection.execute(select(Source.last_scan_date).where(Source.id == source_id)).scalar_one()
        return Standing(is_open, day)


def rows(size: int, first: Sequence[Sequence[str]]) -> int:
    """About how many rows a file of ``size`` bytes has, if all are as long as its first ones."""
    whole = first[:-1]  # the last one may be cut off
    each = sum(sum(map(len, row)) + len(row) for row in whole) / len(whole) if whole else _ROW_BYTES
    return max(1, int(size / max(1, each)))


def subjects(rows: int) -> int:
    """About how many hosts and definitions so many rows are about."""
    return max(1, rows // _ROWS_OF_SUBJECT)


def staged_subjects(engine: Engine, import_id: int) -> int:
    """How many hosts and definitions an import has staged."""
    with engine.connect() as connection:
        return sum(
            connection.execute(select(func.count()).where(table.import_id == import_id)).scalar_one()
            for table in (StagedAsset, StagedDefinition)
        )
