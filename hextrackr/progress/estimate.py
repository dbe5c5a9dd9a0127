"""Where an import stands: a percentage that follows elapsed time, and how much is left. Pure: time comes from outside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

# Where an import stands within one phase: by what is counted, and between that by the clock. Pure: time comes from outside.


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


# Where an import stands, as a percentage that follows elapsed time. Pure: time comes from outside.
#
# Every phase has a share of the whole, in proportion to the seconds it is expected to take. Within a phase the meter counts units
# where there are any. Between them, and where there are none, it goes by the clock, slower and slower once that takes longer than
# expected: it never stands still and never arrives too early.
#
# Step 3 opens at 60 %, as clients expect. So what comes before the promotion never fills more than that, and where it takes less of the
# time, the first part of the promotion still counts as step 2.


TOTAL_STEPS = 3
#: Where step 3 opens: part of the contract with clients.
PROMOTION_OPENS_AT = 60.0


@dataclass(frozen=True)
class Reading:
    """What is reported: ``progress`` is 0..100, ``metadata`` holds the import's fields of the progress contract."""

    progress: float
    message: str
    metadata: dict[str, Any]


#: Phases that were expected to take at least this many seconds together tell how fast the machine is.
CALIBRATES_FROM = 0.05

Report = Callable[[Reading], None]


@dataclass
class Meter:
    """Follows one import.

    :ivar report: called at every change of phase and at every :meth:`tick`.
    :ivar clock: monotonic seconds.
    :ivar expected_so_far: seconds that the phases which are over were expected to take.
    """

    report: Report
    clock: Callable[[], float]
    figures: dict[str, Any] = field(default_factory=dict)
    message: str = "The import is about to start."
    expected_so_far: float = 0.0
    _taken: float = 0.0
    _plan: list[Phase] = field(default_factory=list)
    _opening: str | None = None
    _opened: bool = False
    _position: Position | None = None
    _reached: float = 0.0
    _started: float | None = None

    def plan(self, phases: list[Phase], opening: str | None = None) -> None:
        """Say what is to come; may be said again with better expectations, for the phases not yet begun.

        :param opening: the message with which step 3 opens; what was said before stays if it is left out.
        """
        self._plan = list(phases)
        self._opening = opening or self._opening

    def begin(
        self,
        name: str,
        message: str | None = None,
        *,
        units: int = 0,
        uncounted: float = 0.0,
        measure: Callable[[], float] | None = None,
    ) -> None:
        """Enter a phase of the plan.

        :param units: how many there are to count, 0 if they cannot be counted.
        :param uncounted: the share of the phase, 0..1, of what goes on beside that and can only be told by the clock.
        :param measure: tells, at any time and to any thread, how much of the phase is done, 0..1.
        """
        now = self.clock()
        if self._started is None:
            self._started = now
        if self._position is not None:
            self._leave(self._position, now)
        index = next(index for index, phase in enumerate(self._plan) if phase.name == name)
        phase, rest = self._plan[index], self._plan[index:]
        opens, width = self._share(phase, rest)
        after = sum(other.seconds for other in rest[1:])
        self._position = Position(
            phase, opens, opens + width, now, after, units, uncounted, measure, (0, now), (0.0, now)
        )
        self._reached = opens
        if message is not None:
            self.message = message
        self.report(self._reading(now))

    def advance(self, units: int) -> None:
        """Count units of the present phase as done."""
        if self._position is not None:
            self._position.done = self._position.done[0] + units, self.clock()

    def note(self, **figures: Any) -> None:
        """Set figures that every report carries from now on, named as the progress contract does."""
        self.figures |= figures

    @property
    def promotes(self) -> bool:
        """Whether the promotion has begun."""
        return self._position is not None and self._position.phase.step == TOTAL_STEPS

    def tick(self) -> None:
        """Report where the import stands now."""
        self.report(self._reading(self.clock()))

    def _share(self, phase: Phase, rest: list[Phase]) -> tuple[float, float]:
        """Where a phase begins, and how much of the bar it has, in percent."""
        before = sum(other.seconds for other in rest if other.step < TOTAL_STEPS)
        left = sum(other.seconds for other in rest) or 1.0
        opens = self._reached
        if phase.step == TOTAL_STEPS:
            # An import may begin with the promotion, and step 3 may have yet to open at its end.
            if self._position is None or len(rest) == 1:
                opens = max(opens, PROMOTION_OPENS_AT)
            return opens, (100.0 - opens) * phase.seconds / left
        limit = min(PROMOTION_OPENS_AT, opens + (100.0 - opens) * before / left)
        return opens, (limit - opens) * phase.seconds / before if before else 0.0

    def _step(self, position: Position, progress: float) -> tuple[int, float]:
        """The step that the import is at; the reading that opens step 3 says just that."""
        if position.phase.step < TOTAL_STEPS or self._opened:
            return position.phase.step, progress
        if progress < PROMOTION_OPENS_AT:
            return TOTAL_STEPS - 1, progress
        self._opened = True
        self.message = self._opening or self.message
        return TOTAL_STEPS, PROMOTION_OPENS_AT if position.low <= PROMOTION_OPENS_AT else progress

    def _reading(self, now: float) -> Reading:
        position = self._position
        if position is None or self._started is None:
            return Reading(0.0, self.message, {"currentStep": 1, "totalSteps": TOTAL_STEPS, **self.figures})
        pace = self._pace(position, now)
        fraction = position.fraction(now, pace)
        progress = min(99.9, position.low + (position.high - position.low) * fraction)
        step, progress = self._step(position, max(progress, self._reached))
        self._reached = progress
        elapsed = now - self._started
        metadata = {"currentStep": step, "totalSteps": TOTAL_STEPS, **self.figures}
        if progress >= 1 and elapsed > 0.2:
            metadata["etaSeconds"] = round(position.left(fraction, now, pace), 1)
        rows = self.figures.get("totalRows")
        if rows and elapsed > 0:
            metadata["rowsPerSecond"] = round(rows * progress / 100 / elapsed)
        return Reading(round(progress, 1), self.message, metadata)

    def _leave(self, position: Position, now: float) -> None:
        """Learn from a phase how fast this machine is."""
        self._reached = max(self._reached, position.high)
        self.expected_so_far += position.phase.seconds
        self._taken += now - position.since

    def _pace(self, position: Position, now: float) -> float:
        """How many seconds this machine takes for one that is expected: of all that is over, and of what is known to be done."""
        expected, taken = self.expected_so_far, self._taken
        if not position.uncounted:
            known, at = position.known(now)
            expected += known * position.phase.seconds
            taken += at - position.since
        return min(10.0, max(0.1, taken / expected)) if expected >= CALIBRATES_FROM else 1.0
