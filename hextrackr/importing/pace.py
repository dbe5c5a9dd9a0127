"""How long the phases of an import take: what the meter expects of a run before it has seen any of it. Pure."""

from __future__ import annotations

from .meter import Phase

# Measured on two cores with exports of 100,000 and 1,000,000 rows; only their proportions matter to the percentage.
_BYTES_PER_SECOND = 110e6
_STAGED_PER_SECOND = 300_000
#: Seconds for 100,000 findings that the record does not know yet, and for as many that it knows.
_NEW = {"catalogue": 0.03, "compare": 0.16, "apply": 0.51, "totals": 0.04, "commit": 0.10}
_KNOWN = {"catalogue": 0.06, "compare": 0.27, "apply": 0.20, "totals": 0.04, "commit": 0.04}


def plan(size: int, rows: int) -> list[Phase]:
    """The phases of an import of ``size`` bytes and ``rows`` rows, with the seconds each is expected to take."""
    reading, staged = size / _BYTES_PER_SECOND, rows / _STAGED_PER_SECOND
    return [
        Phase("recognise", 1, 0.02),
        Phase("rows", 1, 0.02 + reading * 0.62),
        Phase("deduplicate", 1, 0.01 + reading * 0.11),
        Phase("stage", 2, 0.01 + staged),
        Phase("definitions", 2, 0.01 + staged * 0.05),
        *promotion(rows, known=0),
    ]


def promotion(staged: int, known: int) -> list[Phase]:
    """The phases of step 3 alone, for ``staged`` findings in a source that has ``known`` ones open."""
    old = min(staged, known) / 100_000
    new = staged / 100_000 - old
    return [
        Phase("open", 3, 0.001),
        *(Phase(name, 3, 0.005 + _NEW[name] * new + _KNOWN[name] * old) for name in _NEW),
    ]
