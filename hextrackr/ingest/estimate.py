"""Estimate the size of an import beforehand: from the state of its source, and from the first rows of its file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, Engine, func, select

from hextrackr.domain import imports, totals
from hextrackr.domain.models import Evidence, EvidenceBefore, Import, Source, StagedAsset, StagedDefinition

#: Bytes of a row if the first rows do not show it.
_ROW_BYTES = 800
#: Assumed number of rows for each host or definition.
_ROWS_OF_SUBJECT = 30
#: The share of findings with new evidence in the second scan of a source: some scanners put the time of the scan into every text, others
#: nothing that changes.
_RESTATED = 0.5


@dataclass(frozen=True)
class SourceState:
    """The state of a source in the record.

    :ivar open: the number of its open findings.
    :ivar day: the date of its newest scan.
    :ivar restated: the share of them, 0..1, that probably get other evidence by its next scan: as many as by the latest one.
    """

    open: int
    day: date | None
    restated: float = 0.0


def source_state(engine: Engine, source_id: int) -> SourceState:
    """Read the state of a source."""
    with engine.connect() as connection:
        is_open = sum(count for count, _ in totals.open_in_source(connection, source_id).values())
        day = connection.execute(select(Source.last_scan_date).where(Source.id == source_id)).scalar_one()
        return SourceState(is_open, day, _restated(connection, source_id))


def _restated(connection: Connection, source_id: int) -> float:
    latest = connection.execute(imports.latest(source_id, Import.id, Import.unchanged + Import.updated)).first()
    if latest is None:
        return 0.0
    import_id, seen_again = latest
    if seen_again:
        of_latest = select(func.count()).where(EvidenceBefore.import_id == import_id)
        changed: int = connection.execute(of_latest).scalar_one()
        return float(min(1.0, changed / seen_again))
    has_evidence = connection.execute(select(select(Evidence.id).exists())).scalar_one()
    return _RESTATED if has_evidence else 0.0


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
