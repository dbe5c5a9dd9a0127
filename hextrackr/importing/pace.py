"""How long the phases of an import take: what the meter expects of a run before it has seen any of it. Pure."""

from __future__ import annotations

from .meter import Phase

# Measured on two cores with exports of 100,000 and 1,000,000 rows; only their proportions matter to the percentage.
_BYTES_PER_SECOND = 100e6
_STAGED_PER_SECOND = 250_000
_PROMOTED_PER_SECOND = 110_000


def plan(size: int, rows: int) -> list[Phase]:
    """The phases of an import of ``size`` bytes and ``rows`` rows, with the seconds each is expected to take."""
    reading, staged, promoted = size / _BYTES_PER_SECOND, rows / _STAGED_PER_SECOND, rows / _PROMOTED_PER_SECOND
    return [
        Phase("recognise", 1, 0.02),
        Phase("rows", 1, 0.02 + reading * 0.60),
        Phase("definitions", 1, 0.01 + reading * 0.28),
        Phase("deduplicate", 1, 0.01 + reading * 0.12),
        Phase("stage", 2, 0.01 + staged),
        Phase("open", 3, 0.001),
        Phase("catalogue", 3, 0.01 + promoted * 0.05),
        Phase("compare", 3, 0.01 + promoted * 0.20),
        Phase("apply", 3, 0.01 + promoted * 0.61),
        Phase("totals", 3, 0.01 + promoted * 0.05),
        Phase("commit", 3, 0.01 + promoted * 0.10),
    ]
