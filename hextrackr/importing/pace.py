"""How long the phases of an import take: what the meter expects of a run before it has seen any of it. Pure."""

from __future__ import annotations

from . import indexes
from .meter import TOTAL_STEPS, Phase

# Measured on two cores with exports of 100,000 and 1,000,000 rows; only their proportions matter to the percentage.
_BYTES_PER_SECOND = 400e6
_NUMBERED_PER_SECOND = 1_500_000
_STAGED_PER_SECOND = 480_000
_Seconds = dict[str, float]
#: Seconds for 100,000 findings: those that the record does not know yet, those that it knows, and these if the scan is of another
#: day, so that each was seen once more.
_NEW: _Seconds = {
    "catalogue": 0.011,
    "compare": 0.0,
    "apply": 0.0,
    "insert": 0.48,
    "index": 0.0,
    "totals": 0.125,
    "commit": 0.09,
}
_KNOWN: _Seconds = {
    "catalogue": 0.031,
    "compare": 0.19,
    "apply": 0.05,
    "insert": 0.0,
    "index": 0.0,
    "totals": 0.025,
    "commit": 0.006,
}
_SEEN_AGAIN: _Seconds = {**_KNOWN, "compare": 0.26, "apply": 0.29, "commit": 0.11}
#: The same for new findings where the indexes are built at the end.
_INDEXED: _Seconds = {**_NEW, "insert": 0.15, "index": 0.24}


def plan(size: int, rows: int, known: int = 0, *, moves: bool = False, held: int = 0) -> list[Phase]:
    """The phases of an import of ``size`` bytes and ``rows`` rows, with the seconds each is expected to take.

    :param known: findings that are open in its source; ``held``: all that are on record.
    :param moves: the scan is of another day than the source's newest.
    """
    reading, staged = size / _BYTES_PER_SECOND, rows / _STAGED_PER_SECOND
    return [
        Phase("recognise", 1, 0.02),
        Phase("rows", 1, 0.02 + reading),
        Phase("deduplicate", 1, 0.01 + rows / _NUMBERED_PER_SECOND),
        Phase("stage", 2, 0.01 + staged),
        Phase("definitions", 2, 0.02 + staged * 0.07),
        *promotion(rows, known, moves=moves, held=held),
    ]


def promotion(staged: int, known: int, *, moves: bool = False, held: int = 0) -> list[Phase]:
    """The phases of a promotion of ``staged`` findings."""
    old = min(staged, known)
    new = staged - old
    of_new, of_old = _INDEXED if indexes.are_built_apart(new, held) else _NEW, _SEEN_AGAIN if moves else _KNOWN
    return [Phase(name, TOTAL_STEPS, 0.005 + (of_new[name] * new + of_old[name] * old) / 100_000) for name in _NEW]
