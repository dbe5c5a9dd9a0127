"""Estimate an import before anything of it is measured: its size, and how long its phases take.

The size comes from the state of its source, and from the first rows of its file.

``python -m benchmarks.phases`` writes the table ``phase_weights.toml``. It has the seconds of each phase on each database: a constant, and
the seconds for 100,000 of each unit of :class:`Work`. Only their proportions matter: each import measures how fast its machine is.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, func, select

from hextrackr.domain import imports, totals
from hextrackr.domain.models import Evidence, EvidenceBefore, Import, Source, StagedAsset, StagedDefinition
from hextrackr.progress.estimate import TOTAL_STEPS, Phase

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


def source_state(engine: Engine, source_id: int, restated: float | None = None) -> SourceState:
    """Read the state of a source.

    :param restated: the share of its findings, 0..1, that get other evidence, if a sample has shown it.
    """
    with engine.connect() as connection:
        is_open = sum(count for count, _ in totals.open_in_source(connection, source_id).values())
        day = connection.execute(select(Source.last_scan_date).where(Source.id == source_id)).scalar_one()
        return SourceState(is_open, day, _restated(connection, source_id) if restated is None else restated)


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


#: The phases of each step, in their order.
STEPS = {
    1: ("recognise", "rows", "deduplicate"),
    2: ("stage", "definitions", "describe"),
    3: (
        "upsert",
        "backdated",
        "compare",
        "absent",
        "apply",
        "evidence",
        "restate",
        "insert",
        "totals",
        "commit",
        "refresh",
    ),
}
#: The number of units for which a weight is given.
PER = 100_000
#: Seconds from the end of the work until the terminal event is sent, which has a minimum distance from the update before.
LAST_EVENT = 0.1
TABLE = Path(__file__).with_name("phase_weights.toml")


@dataclass(frozen=True)
class Work:
    """The amount of work of an import, by unit.

    :ivar kilobytes: size of the file.
    :ivar rows: rows of the file; ``findings`` of them are staged, about ``subjects`` hosts and definitions, with ``texts`` of evidence.
    :ivar linked: hosts and definitions, if the record has some of the source to match them with.
    :ivar backdated: staged findings that only fill the history, because a newer scan is on record.
    :ivar compared: staged findings that are compared with the record, 0 if the source has none.
    :ivar seen_again: findings that exist already, if the scan is of another day than the source's newest.
    :ivar changed: findings that are updated, reopened or resolved; ``restated`` those whose evidence changes.
    :ivar new: findings that are added.
    """

    kilobytes: float = 0
    rows: int = 0
    findings: int = 0
    subjects: int = 0
    linked: int = 0
    texts: int = 0
    backdated: int = 0
    compared: int = 0
    seen_again: int = 0
    changed: int = 0
    restated: int = 0
    new: int = 0


@cache
def weights(database: str) -> dict[str, dict[str, float]]:
    """The weights of each phase by unit, for a database by the name of its dialect."""
    table: dict[str, dict[str, dict[str, float]]] = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    return table[database]


def seconds(database: str, phase: str, work: Work) -> float:
    """The expected duration of a phase."""
    weight = weights(database)[phase]
    units: dict[str, float] = asdict(work)
    return weight["constant"] + sum(weight.get(unit, 0.0) * count / PER for unit, count in units.items())


def phases(database: str, work: Work, *, asks: bool = False, lists: bool = True) -> list[Phase]:
    """The plan of an import.

    :param asks: the import waits for a confirmation before it is committed, and then is promoted again.
    :param lists: the import is complete only when the lists are up to date.
    """
    plan = [
        Phase(name, step, seconds(database, name, work))
        for step, names in STEPS.items()
        for name in names
        if lists or name != "refresh"
    ]
    plan.append(Phase("tell", TOTAL_STEPS, LAST_EVENT))
    if not asks:
        return plan
    again = sum(phase.seconds for phase in plan if phase.step == TOTAL_STEPS)
    return [
        *(phase for phase in plan if phase.name not in ("commit", "refresh", "tell")),
        Phase("again", TOTAL_STEPS, again),
    ]


def expected(work: Work, before: SourceState, day: date) -> Work:
    """Expect the work before the findings are compared: in a scan of another day a tenth of the open findings is gone, and as many of
    the others get new evidence as by the scan before.

    :param work: the content of the file.
    :param before: the state of its source.
    :param day: the date of the scan.
    """
    again = min(work.findings, before.open if day == before.day else int(before.open * 0.9))
    gone = 0 if day == before.day else before.open - again
    return of_outcomes(
        work,
        before,
        day,
        {"inserted": work.findings - again, "unchanged": again, "updated": 0, "reopened": 0, "resolved": gone},
        restated=int(again * before.restated),
    )


def of_outcomes(work: Work, before: SourceState, day: date, outcomes: Mapping[str, int], restated: int = 0) -> Work:
    """The work once the outcomes of the findings are counted; parameters as for :func:`expected`.

    :param restated: the number of findings whose evidence changes.
    """
    if before.day is not None and day < before.day:
        return replace(work, backdated=work.findings, linked=work.subjects)
    new, again = outcomes["inserted"], outcomes["unchanged"] + outcomes["updated"]
    changed = outcomes["updated"] + outcomes["reopened"] + outcomes["resolved"]
    return replace(
        work,
        linked=work.subjects if again or changed else 0,
        compared=work.findings if again or changed else 0,
        seen_again=0 if day == before.day else again,
        changed=changed,
        restated=restated,
        new=new,
    )


def foreseen(work: Work, before: SourceState, day: date, forecast: Mapping[str, Any], *, resolves: bool) -> Work:
    """The work of an import whose question was answered, as it was found before; as :func:`expected` if it did not ask.

    :param forecast: see :attr:`.Import.forecast`; other parameters as for :func:`expected`.
    :param resolves: findings may be resolved because they are absent.
    """
    if "inserted" not in forecast:
        return expected(work, before, day)
    again = forecast["unchanged"] + forecast["updated"]
    restated = forecast.get("restated", int(again * before.restated))
    outcomes = forecast if resolves else {**forecast, "resolved": 0}
    return of_outcomes(work, before, day, outcomes, restated)


def undone(figures: Mapping[str, int]) -> Work:
    """The work to undo an import with these figures."""
    changed = figures["updated"] + figures["reopened"] + figures["resolved"]
    return Work(findings=figures["insertedToStaging"], changed=changed, new=figures["inserted"])


def undo_seconds(database_url: str, figures: Mapping[str, int]) -> float:
    """The expected seconds to undo an import with these figures, until the lists are up to date."""
    work = undone(figures)
    database = database_url.partition(":")[0].partition("+")[0]
    return seconds(database, "undo", work) + seconds(database, "refresh", work)
