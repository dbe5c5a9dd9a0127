"""A histogram as Prometheus understands it, kept as plain numbers."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence


class Histogram:
    """Counts observations by size.

    :param bounds: upper ends of the buckets, rising; one without an end comes after them.
    """

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Count one observation."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self.sum += value

    @property
    def count(self) -> int:
        """How many there were."""
        return sum(self._counts)

    def buckets(self) -> list[tuple[str, float]]:
        """How many were not above each bound: ``("0.5", 3)``, ..., ``("+Inf", 7)``."""
        names = [*(str(float(bound)) for bound in self._bounds), "+Inf"]
        return [(name, float(sum(self._counts[: place + 1]))) for place, name in enumerate(names)]
