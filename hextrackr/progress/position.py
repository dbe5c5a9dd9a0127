"""Where an import stands within one phase: by what is counted, and between that by the clock. Pure: time comes from outside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Phase:
    """A stretch of work that is expected to take about ``seconds``."""

    name: str
    step: int
    seconds: float


@dataclass
class Position:
    """A phase that is under way.

    :ivar low: percent of the bar at which it begins.
    :ivar high: percent of the bar at which it ends.
    :ivar since: when it began, in monotonic seconds.
    :ivar rest: seconds that the phases after it are expected to take.
    :ivar units: how many there are to count, 0 if they cannot be counted.
    :ivar uncounted: the share of the phase, 0..1, that can only be told by the clock.
    :ivar measure: tells how much of the phase is done, 0..1.
    :ivar done: how many units are done, and when the last of them was.
    :ivar measured: how much was measured to be done, and since when.
    """

    phase: Phase
    low: float
    high: float
    since: float
    rest: float
    units: int = 0
    uncounted: float = 0.0
    measure: Callable[[], float] | None = None
    done: tuple[int, float] = (0, 0.0)
    measured: tuple[float, float] = (0.0, 0.0)

    def known(self, now: float) -> tuple[float, float]:
        """How much of the phase is known to be done, 0..1, and since when."""
        if self.measure is not None:
            measured = min(1.0, self.measure())
            if measured > self.measured[0]:
                self.measured = measured, now
            return self.measured
        done, at = self.done
        return (min(1.0, done / self.units) if self.units else 0.0), at

    def fraction(self, now: float, pace: float) -> float:
        """How much of the phase is done, 0..1, as far as one can tell.

        :param pace: seconds that this machine takes for one that is expected.
        """
        known, at = self.known(now)
        if self.uncounted:
            by_clock = _by_clock(now - self.since, self.phase.seconds * pace)
            return known + self.uncounted * (by_clock - known)
        return known + (1 - known) * _by_clock(now - at, (1 - known) * self.phase.seconds * pace)

    def left(self, fraction: float, now: float, pace: float) -> float:
        """Seconds until the end of the import, when this fraction of the phase is done."""
        counted = self.units or self.measure is not None
        expected = self.phase.seconds * pace
        here = (1 - fraction) * expected if counted else max(0.05 * expected, expected - (now - self.since))
        return here + self.rest * pace


def _by_clock(elapsed: float, expected: float) -> float:
    """Elapsed and expected seconds to a fraction: straight up to 80 %, then ever slower towards 1, without a kink."""
    if expected <= 0:
        return 0.0
    share = elapsed / expected
    return share if share <= 0.8 else 1 - 0.04 / (share - 0.6)
