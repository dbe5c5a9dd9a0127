"""How long the phases of an import take: what the meter expects of a run before it has seen any of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

from .meter import PROMOTION_OPENS_AT, Phase

# Measured on two cores with exports of 100,000 and 1,000,000 rows; only their proportions matter to the percentage.
_BYTES_PER_SECOND = 370e6
_NUMBERED_PER_SECOND = 1_650_000
_Seconds = dict[str, float]


@dataclass(frozen=True)
class Costs:
    """What a database takes.

    :ivar staged: findings in a second.
    :ivar new: seconds for 100,000 findings that the record does not know yet, ``known`` for as many that it knows, and ``seen_again`` if
        the scan is of another day, so that each was seen once more.
    """

    staged: float
    new: _Seconds
    known: _Seconds
    seen_again: _Seconds


#: By the name of the dialect.
COSTS = {
    "sqlite": Costs(
        staged=450_000,
        new={"catalogue": 0.012, "compare": 0.0, "apply": 0.37, "totals": 0.025, "commit": 0.065},
        known={"catalogue": 0.03, "compare": 0.2, "apply": 0.03, "totals": 0.025, "commit": 0.008},
        seen_again={"catalogue": 0.03, "compare": 0.245, "apply": 0.3, "totals": 0.025, "commit": 0.1},
    ),
    "postgresql": Costs(
        staged=600_000,
        new={"catalogue": 0.05, "compare": 0.0, "apply": 0.55, "totals": 0.13, "commit": 0.01},
        known={"catalogue": 0.06, "compare": 0.22, "apply": 0.03, "totals": 0.1, "commit": 0.01},
        seen_again={"catalogue": 0.06, "compare": 0.23, "apply": 0.45, "totals": 0.12, "commit": 0.02},
    ),
}
#: Where step 3 may open: it does where that fits its percentage best.
_OPENINGS = ("catalogue", "compare", "apply")


def plan(size: int, rows: int, known: int = 0, *, moves: bool = False, costs: Costs = COSTS["sqlite"]) -> list[Phase]:
    """The phases of an import of ``size`` bytes and ``rows`` rows, with the seconds each is expected to take.

    :param known: findings that are open in its source.
    :param moves: the scan is of another day than the source's newest.
    """
    reading, staged = size / _BYTES_PER_SECOND, rows / costs.staged
    before = [
        Phase("recognise", 1, 0.02),
        Phase("rows", 1, 0.02 + reading),
        Phase("deduplicate", 1, 0.01 + rows / _NUMBERED_PER_SECOND),
        Phase("stage", 2, 0.01 + staged),
        Phase("definitions", 2, 0.02 + staged * 0.06),
    ]
    return [*before, *promotion(rows, known, moves=moves, spent=sum(phase.seconds for phase in before), costs=costs)]


def promotion(
    staged: int, known: int, *, moves: bool = False, spent: float = 0.0, costs: Costs = COSTS["sqlite"]
) -> list[Phase]:
    """The phases of a promotion of ``staged`` findings.

    Its first ones still count as step 2 where step 3 would else open too early for its percentage.

    :param spent: seconds that what came before was expected to take; 0 if this run has begun with the promotion.
    """
    old = min(staged, known) / 100_000
    new = staged / 100_000 - old
    each = costs.seen_again if moves else costs.known
    seconds = {name: 0.005 + costs.new[name] * new + each[name] * old for name in costs.new}
    whole = spent + sum(seconds.values())
    shares = dict(zip(seconds, accumulate(seconds.values(), initial=spent), strict=False))
    opening = min(_OPENINGS, key=lambda name: abs(shares[name] / whole - PROMOTION_OPENS_AT / 100)) if spent else ""
    names = list(seconds)
    opens = names.index(opening) if opening else 0
    return [Phase(name, 2 if place < opens else 3, seconds[name]) for place, name in enumerate(names)]
