"""Estimate how far an import is and how much time is left. Pure: the caller passes in the clock.

An import is a plan of phases, each with its expected duration in seconds. The time left is the sum of

- the rest of the current phase: from its units done and expected, and from the clock where nothing can be counted;
- the expected seconds of each phase to come;

scaled by the speed measured so far. The bar shows the share of the time that has passed::

    progress = elapsed / (elapsed + left)

No phase has a fixed place on the bar, so a wrong expectation is corrected as soon as measurements show it. The bar never goes back: if
there turns out to be more to do, it waits until the clock has caught up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

#: Steps of an import.
TOTAL_STEPS = 3
#: The highest percentage before the import is complete.
HIGHEST = 99.9
#: Weight of the expected durations against the measured ones, as a share of the whole plan.
PRIOR_WEIGHT = 0.1
#: A phase that takes longer than expected has at least this share of the time since its last progress left.
OVERDUE = 0.1
#: The share of a phase that must be done before it counts towards the measured speed.
MEASURABLE_SHARE = 0.2
#: The rows per second of a step are those of at least this many seconds; of less, they would be a matter of chance.
SPEED_OVER = 0.3


@dataclass(frozen=True)
class Phase:
    """A part of the work, expected to take about ``seconds``."""

    name: str
    step: int
    seconds: float


@dataclass(frozen=True)
class Reading:
    """One report: ``progress`` is 0..100, ``metadata`` has the import's fields of the progress contract."""

    progress: float
    message: str
    metadata: dict[str, Any]


Report = Callable[[Reading], None]


@dataclass
class _CurrentPhase:
    """The running phase.

    :ivar since: when it began, in monotonic seconds.
    :ivar units: total number of units, 0 if they cannot be counted.
    :ivar measure: returns the share of the phase that is done, 0..1.
    :ivar done: number of units done.
    :ivar measured: the last share that was measured, 0..1, and when.
    """

    phase: Phase
    since: float
    units: int
    measure: Callable[[], float] | None
    done: int
    measured: tuple[float, float]

    def share_done(self, now: float) -> tuple[float, float]:
        """Measure how much of the phase is done, 0..1; return it with the time at which it last grew."""
        share = self.done / self.units if self.units else self.measure() if self.measure is not None else 0.0
        if share > self.measured[0]:
            self.measured = min(1.0, share), now
        return self.measured

    def left(self, now: float, pace: float) -> float:
        """Estimate the seconds until the phase ends.

        :param pace: actual seconds for each expected one.
        """
        share, at = self.share_done(now)
        total = self.phase.seconds * pace
        if share > 0:
            measured = (at - self.since) / share
            weight = min(1.0, (2 * share) ** 2)  # the more of the phase is done, the more its own speed counts
            total = weight * measured + (1 - weight) * total
        waited = now - at
        return max((1 - share) * total - waited, OVERDUE * waited)


@dataclass
class Meter:
    """Measures the progress of one import, from the moment the meter is created.

    :ivar report: called at every change of phase and at every :meth:`tick`.
    :ivar clock: monotonic seconds.
    :ivar steps: total number of steps.
    :ivar pace: actual seconds for each expected one, as measured before this import.
    """

    report: Report
    clock: Callable[[], float]
    figures: dict[str, Any] = field(default_factory=dict)
    message: str = "The import is about to start."
    steps: int = TOTAL_STEPS
    pace: float = 1.0
    _began: float = 0.0
    _plan: tuple[Phase, ...] = ()
    _current: _CurrentPhase | None = None
    _expected: float = 0.0
    _taken: float = 0.0
    _progress: float = 0.0
    _step_since: float = 0.0
    _step_expected: float = 0.0
    _rows: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        self._began = self._step_since = self.clock()

    def plan(self, phases: Sequence[Phase]) -> None:
        """Set the phases of the import; call it again as soon as there are better expectations."""
        self._plan = tuple(phases)

    def begin(
        self, name: str, message: str | None = None, *, units: int = 0, measure: Callable[[], float] | None = None
    ) -> None:
        """Enter a phase of the plan.

        :param units: total number of units, 0 if they cannot be counted.
        :param measure: returns the share of the phase that is done, 0..1; called at any time and from any thread.
        """
        now = self.clock()
        before = self._current
        unplanned = Phase(name, before.phase.step if before else 1, 0.0)
        phase = next((phase for phase in self._plan if phase.name == name), unplanned)
        if before is not None:
            self._expected += before.phase.seconds
            self._taken += now - before.since
            self._step_expected += before.phase.seconds
        if before is None or before.phase.step != phase.step:
            self._step_since, self._step_expected = now, 0.0
        self._current = _CurrentPhase(phase, now, units, measure, 0, (0.0, now))
        if message is not None:
            self.message = message
        self.tick()

    def advance(self, units: int) -> None:
        """Count units of the current phase as done."""
        if self._current is not None:
            self._current.done += units

    def note(self, **figures: Any) -> None:
        """Add figures to every report from now on, under the names of the progress contract."""
        self.figures |= figures

    @property
    def progress(self) -> float:
        """The percentage that the bar shows, 0..100."""
        return round(self._progress, 1)

    @property
    def measured_pace(self) -> float:
        """Actual seconds for each expected one, as measured so far."""
        return self.pace if self._current is None else round(self._pace(self._current, self.clock()), 2)

    @property
    def promotes(self) -> bool:
        """Whether the promotion has begun."""
        return self._current is not None and self._current.phase.step == TOTAL_STEPS

    def tick(self) -> None:
        """Report the progress as it is now."""
        self.report(self._reading(self.clock()))

    def _reading(self, now: float) -> Reading:
        current = self._current
        if current is None:
            return Reading(0.0, self.message, {"currentStep": 1, "totalSteps": self.steps, **self.figures})
        pace, elapsed = self._pace(current, now), now - self._began
        left_in_phase = current.left(now, pace)
        left = left_in_phase + pace * sum(phase.seconds for phase in self._to_come(current.phase))
        share = elapsed / (elapsed + left) if elapsed + left > 0 else 0.0
        self._progress = max(self._progress, min(HIGHEST, 100 * share))
        metadata = {
            "currentStep": current.phase.step, "totalSteps": self.steps, "phase": current.phase.name,
            "etaSeconds": round(left, 1), **self.figures, **self._rows_done(current, left_in_phase, now),
        }  # fmt: skip
        return Reading(self.progress, self.message, metadata)

    def _to_come(self, phase: Phase) -> tuple[Phase, ...]:
        names = [each.name for each in self._plan]
        return self._plan[names.index(phase.name) + 1 :] if phase.name in names else self._plan

    def _pace(self, current: _CurrentPhase, now: float) -> float:
        """Actual seconds for each expected one, measured on the phases that are over and on what is done of the current one."""
        share, at = current.share_done(now)
        share = share if share >= MEASURABLE_SHARE else 0.0
        expected = self._expected + share * current.phase.seconds
        taken = self._taken + (at - current.since if share else 0.0)
        to_come = sum(phase.seconds for phase in self._to_come(current.phase))
        prior = PRIOR_WEIGHT * (self._expected + current.phase.seconds + to_come)
        return min(20.0, max(0.05, (taken + prior * self.pace) / (expected + prior))) if prior > 0 else self.pace

    def _rows_done(self, current: _CurrentPhase, left_in_phase: float, now: float) -> dict[str, int]:
        """Estimate how many rows the current step has processed, and how many it processes in a second."""
        rows = self.figures.get("totalRows")
        if not rows:
            return {}
        step = current.phase.step
        in_phase = now - current.since
        passed = self._step_expected + current.phase.seconds * (
            in_phase / (in_phase + left_in_phase) if in_phase + left_in_phase else 0.0
        )
        to_come = sum(phase.seconds for phase in self._to_come(current.phase) if phase.step == step)
        total = self._step_expected + current.phase.seconds + to_come
        done = int(rows * passed / total) if total > 0 else 0
        self._rows = step, max(done, self._rows[1]) if self._rows[0] == step else done
        done = min(rows, self._rows[1])
        return {"rowsDone": done, "rowsPerSecond": round(done / max(SPEED_OVER, now - self._step_since))}
