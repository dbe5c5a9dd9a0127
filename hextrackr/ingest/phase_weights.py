"""How long the phases of an import take: what is expected of a run before any of it was seen.

The table, ``phase_weights.toml``, is written by ``python -m benchmarks.phases``. It has the seconds that each phase takes on each database:
a constant, and so much for 100,000 of each unit of :class:`Work`. Only their proportions matter: a run measures how fast its machine is.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from functools import cache
from pathlib import Path

from hextrackr.progress.estimate import TOTAL_STEPS, Phase

from .estimate import Standing

#: The phases by the step that they belong to, in the order in which they come.
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
#: What the weights are for.
PER = 100_000
#: Seconds from the end of the work until the last event has left, which keeps its distance from the update before.
TELLING = 0.1
TABLE = Path(__file__).with_name("phase_weights.toml")


@dataclass(frozen=True)
class Work:
    """What an import has to do, as far as it is known.

    :ivar kilobytes: of the file.
    :ivar rows: rows of the file, of which ``findings`` are staged, about ``subjects`` hosts and definitions, with ``texts`` of evidence.
    :ivar linked: those hosts and definitions, where the record has some of the source to link them with.
    :ivar backdated: staged findings that only fill the history, as a newer scan is on record.
    :ivar compared: those that are compared with the record, 0 if it has none of the source.
    :ivar seen_again: those that are on record, in a scan of another day than the source's newest.
    :ivar changed: findings that are updated, reopened or resolved; ``restated`` those that get other evidence.
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
    """How long a phase is expected to take."""
    weight = weights(database)[phase]
    units: dict[str, float] = asdict(work)
    return weight["constant"] + sum(weight.get(unit, 0.0) * count / PER for unit, count in units.items())


def phases(database: str, work: Work, *, asks: bool = False, lists: bool = True) -> list[Phase]:
    """The plan of an import.

    :param asks: it waits for a confirmation before it is committed, and is promoted again then.
    :param lists: somebody waits until the lists are up to date.
    """
    plan = [
        Phase(name, step, seconds(database, name, work))
        for step, names in STEPS.items()
        for name in names
        if lists or name != "refresh"
    ]
    plan.append(Phase("tell", TOTAL_STEPS, TELLING))
    if not asks:
        return plan
    again = sum(phase.seconds for phase in plan if phase.step == TOTAL_STEPS)
    return [
        *(phase for phase in plan if phase.name not in ("commit", "refresh", "tell")),
        Phase("again", TOTAL_STEPS, again),
    ]


def foreseen(work: Work, standing: Standing, day: date) -> Work:
    """What there will be to do before anybody has compared: of a scan of another day one finding in twenty is new, and one in ten gone.

    :param work: what the file holds.
    :param standing: what is on record of its source.
    :param day: the date of the scan.
    """
    again = min(work.findings, standing.known if day == standing.day else int(standing.known * 0.9))
    gone = 0 if day == standing.day else standing.known - again
    return known(
        work,
        standing,
        day,
        {"inserted": work.findings - again, "unchanged": again, "updated": 0, "reopened": 0, "resolved": gone},
    )


def known(work: Work, standing: Standing, day: date, outcomes: Mapping[str, int], restated: int = 0) -> Work:
    """What there is to do once the outcomes of the findings are known; parameters as for :func:`foreseen`.

    :param restated: how many findings get other evidence.
    """
    if standing.day is not None and day < standing.day:
        return replace(work, backdated=work.findings, linked=work.subjects)
    new, again = outcomes["inserted"], outcomes["unchanged"] + outcomes["updated"]
    changed = outcomes["updated"] + outcomes["reopened"] + outcomes["resolved"]
    return replace(
        work,
        linked=work.subjects if again or changed else 0,
        compared=work.findings if again or changed else 0,
        seen_again=0 if day == standing.day else again,
        changed=changed,
        restated=restated,
        new=new,
    )


def undone(figures: Mapping[str, int]) -> Work:
    """What there is to undo of an import with these figures."""
    changed = figures["updated"] + figures["reopened"] + figures["resolved"]
    return Work(findings=figures["insertedToStaging"], changed=changed, new=figures["inserted"])


def undo_seconds(database_url: str, figures: Mapping[str, int]) -> float:
    """How long it is expected to take to undo an import with these figures, until the lists are up to date."""
    work = undone(figures)
    database = database_url.partition(":")[0].partition("+")[0]
    return seconds(database, "undo", work) + seconds(database, "refresh", work)
