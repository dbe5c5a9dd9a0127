"""How long the phases of an import take: what the meter expects of a run before it has seen any of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from hextrackr.progress.estimate import TOTAL_STEPS, Phase

# Measured on two cores with exports of 100,000 and 1,000,000 rows; only their proportions matter to the percentage.
_BYTES_PER_SECOND = 430e6
_NUMBERED_PER_SECOND = 2_600_000
#: Texts of evidence, of 300 characters: those that are read from the file, staged, and looked up and put on record in a second.
_TEXTS_READ, _TEXTS_STAGED, _TEXTS_PROMOTED = 450_000, 400_000, 300_000
#: The phases of a promotion.
_PROMOTION = ("catalogue", "compare", "absent", "apply", "insert", "totals", "commit")
#: Seconds of each of them for 100,000 findings.
_Seconds = tuple[float, float, float, float, float, float, float]


@dataclass(frozen=True)
class Costs:
    """What a database takes.

    :ivar staged: findings that are loaded in a second, with the definitions read beside that; ``described``: the same, of loading these.
    :ivar new: the findings of a source that has none yet, ``added`` those that a source does not know yet, ``known`` those that it knows,
        and ``seen_again`` these if the scan is of another day, so that each was seen once more.
    :ivar growth: how much dearer a finding gets as they are more: a tenfold of them takes ``10 ** (1 + growth)`` times as long.
    """

    staged: float
    described: float
    new: _Seconds
    added: _Seconds
    known: _Seconds
    seen_again: _Seconds
    growth: float = 0.0


#: By the name of the dialect.
COSTS = {
    "sqlite": Costs(
        staged=570_000,
        described=15_000_000,
        new=(0.011, 0.0, 0.0, 0.0, 0.24, 0.006, 0.045),
        added=(0.011, 0.0, 0.0, 0.0, 1.6, 0.115, 0.17),
        known=(0.025, 0.12, 0.014, 0.022, 0.01, 0.02, 0.006),
        seen_again=(0.024, 0.125, 0.046, 0.125, 0.01, 0.028, 0.052),
        growth=0.08,
    ),
    "postgresql": Costs(
        staged=420_000,
        described=8_000_000,
        new=(0.05, 0.0, 0.0, 0.0, 0.65, 0.03, 0.01),
        added=(0.05, 0.0, 0.0, 0.0, 2.2, 0.13, 0.01),
        known=(0.05, 0.2, 0.035, 0.035, 0.0, 0.025, 0.01),
        seen_again=(0.055, 0.2, 0.1, 0.58, 0.01, 0.09, 0.01),
    ),
}


def plan(
    size: int,
    rows: int,
    known: int = 0,
    *,
    moves: bool = False,
    texts: int = 0,
    costs: Costs = COSTS["sqlite"],
) -> list[Phase]:
    """The phases of an import of ``size`` bytes and ``rows`` rows, with the seconds each is expected to take.

    :param known: findings that are open in its source.
    :param moves: the scan is of another day than the source's newest.
    :param texts: different texts of evidence; the file is read once more for them.
    """
    evidence = size / _BYTES_PER_SECOND + texts / _TEXTS_READ if texts else 0.0
    return [
        Phase("recognise", 1, 0.03),
        Phase("rows", 1, 0.03 + size / _BYTES_PER_SECOND),
        Phase("deduplicate", 1, 0.03 + rows / _NUMBERED_PER_SECOND),
        Phase("stage", 2, 0.01 + rows / costs.staged + evidence),
        Phase("definitions", 2, 0.04 + rows / costs.described + texts / _TEXTS_STAGED),
        *promotion(rows, foreseen(rows, known, moves=moves), moves=moves, texts=texts, costs=costs),
    ]


def foreseen(staged: int, known: int, *, moves: bool) -> int:
    """How many staged findings the record knows, before anybody has compared: of a scan of another day one in twenty is new."""
    return int(min(staged, known) * (0.95 if moves else 1))


def promotion(
    staged: int, known: int, *, moves: bool = False, texts: int = 0, costs: Costs = COSTS["sqlite"]
) -> list[Phase]:
    """The phases of a promotion of ``staged`` findings with so many ``texts`` of evidence."""
    old = min(staged, known)
    new = staged - old
    of_new = costs.added if old else costs.new
    of_old = costs.seen_again if moves else costs.known
    weighs_new, weighs_old = ((count / 100_000) ** (1 + costs.growth) for count in (new, old))
    return [
        Phase(
            name,
            TOTAL_STEPS,
            0.005
            + of_new[place] * weighs_new
            + of_old[place] * weighs_old
            + (texts / _TEXTS_PROMOTED if name == "catalogue" else 0.0),
        )
        for place, name in enumerate(_PROMOTION)
    ]
