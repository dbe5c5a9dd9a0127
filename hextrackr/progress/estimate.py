"""Where an import stands: how much of its time has passed, and how much is left. Pure: time comes from outside.

An import is a plan of phases, each with the seconds that it is expected to take. What is left is

- of the present phase: what its units done, of the units expected, leave; between them, and where nothing can be counted, by the clock;
- of each phase to come: the seconds expected;

all of it at the speed seen so far. The bar is then the share of the time that has passed::

    progress = elapsed / (elapsed + left)

Nothing hangs on where a phase begins or ends on the bar, so that an expectation that was wrong is forgotten as soon as it shows to be. The
bar never goes back: if there turns out to be more to do, it waits until the clock has caught up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

#: Steps of an import.
TOTAL_STEPS = 3
#: The bar says this much at the most before all is done.
HIGHEST = 99.9
#: What is over tells the speed; the expectation itself counts as if this share of all that is expected had been seen to be right.
TRUST = 0.1
#: Something that takes longer than expected has at least this share left of what it has taken so far.
OVERDUE = 0.1
#: This much of a phase has to be done before it tells the speed.
TELLING_SHARE = 0.2
#: Seconds of a step before its speed is told.
SPEED_AFTER = 0.3


@dataclass(frozen=True)
class Phase:
    """A stretch of work that is expected to take about ``seconds``."""

    name: str
    step: int
    seconds: float


@dataclass(frozen=True)
class Reading:
    """What is reported: ``progress`` is 0..100, ``metadata`` holds the import's fields of the progress contract."""

    progress: float
    message: str
    metadata: dict[str, Any]


Report = Callable[[Reading], None]


@dataclass
class _Present:
    """The phase that is under way.

    :ivar since: when it began, in monotonic seconds.
    :ivar units: how many there are to count, 0 if they cannot be counted.
    :ivar measure: tells how much of the phase is done, 0..1.
    :ivar done: how many units are done.
    :ivar seen: how much of the phase is known to be done, 0..1, and since when.
    """

    phase: Phase
    since: float
    units: int
    measure: Callable[[], float] | None
    done: int
    seen: tuple[float, float]

    def look(self, now: float) -> tuple[float, float]:
        """How much of the phase is known to be done, 0..1, and since when."""
        share = self.done / self.units if self.units else self.measure() if self.measure is not None else 0.0
        if share > self.seen[0]:
            self.seen = min(1.0, share), now
        return self.seen

    def left(self, now: float, pace: float) -> float:
        """Seconds until its end.

        :param pace: how many seconds this machine takes for one that is expected.
        """
        share, at = self.look(now)
        whole = self.phase.seconds * pace
        if share > 0:
            own = (at - self.since) / share
            trusted = min(1.0, (2 * share) ** 2)  # the own speed of the phase, the more of it is done
            whole = trusted * own + (1 - trusted) * whole
        waited = now - at
        return max((1 - share) * whole - waited, OVERDUE * waited)


@dataclass
class Meter:
    """Follows one import, from the moment at which it is made.

    :ivar report: called at every change of phase and at every :meth:`tick`.
    :ivar clock: monotonic seconds.
    :ivar steps: how many steps there are.
    :ivar pace: how many seconds this machine takes for one that is expected, as far as was seen before this.
    """

    report: Report
    clock: Callable[[], float]
    figures: dict[str, Any] = field(default_factory=dict)
    message: str = "The import is about to start."
    steps: int = TOTAL_STEPS
    pace: float = 1.0
    _began: float = 0.0
    _plan: tuple[Phase, ...] = ()
    _present: _Present | None = None
    _expected: float = 0.0
    _taken: float = 0.0
    _progress: float = 0.0
    _step_since: float = 0.0
    _step_expected: float = 0.0
    _rows: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        self._began = self._step_since = self.clock()

    def plan(self, phases: Sequence[Phase]) -> None:
        """Say what is to come; said again, with better expectations, as more is known."""
        self._plan = tuple(phases)

    def begin(
        self, name: str, message: str | None = None, *, units: int = 0, measure: Callable[[], float] | None = None
    ) -> None:
        """Enter a phase of the plan.

        :param units: how many there are to count, 0 if they cannot be counted.
        :param measure: tells, at any time and to any thread, how much of the phase is done, 0..1.
        """
        now = self.clock()
        before = self._present
        unplanned = Phase(name, before.phase.step if before else 1, 0.0)
        phase = next((phase for phase in self._plan if phase.name == name), unplanned)
        if before is not None:
            self._expected += before.phase.seconds
            self._taken += now - before.since
            self._step_expected += before.phase.seconds
        if before is None or before.phase.step != phase.step:
            self._step_since, self._step_expected = now, 0.0
        self._present = _Present(phase, now, units, measure, 0, (0.0, now))
        if message is not None:
            self.message = message
        self.tick()

    def advance(self, units: int) -> None:
        """Count units of the present phase as done."""
        if self._present is not None:
            self._present.done += units

    def note(self, **figures: Any) -> None:
        """Set figures that every report carries from now on, named as the progress contract does."""
        self.figures |= figures

    @property
    def progress(self) -> float:
        """What the bar says, 0..100."""
        return round(self._progress, 1)

    @property
    def pace_seen(self) -> float:
        """How many seconds this machine takes for one that is expected, as far as was seen by now."""
        return self.pace if self._present is None else round(self._pace(self._present, self.clock()), 2)

    @property
    def promotes(self) -> bool:
        """Whether the promotion has begun."""
        return self._present is not None and self._present.phase.step == TOTAL_STEPS

    def tick(self) -> None:
        """Report where the import stands now."""
        self.report(self._reading(self.clock()))

    def _reading(self, now: float) -> Reading:
        present = self._present
        if present is None:
            return Reading(0.0, self.message, {"currentStep": 1, "totalSteps": self.steps, **self.figures})
        pace, elapsed = self._pace(present, now), now - self._began
        here = present.left(now, pace)
        left = here + pace * sum(phase.seconds for phase in self._to_come(present.phase))
        share = elapsed / (elapsed + left) if elapsed + left > 0 else 0.0
        self._progress = max(self._progress, min(HIGHEST, 100 * share))
        metadata = {
            "currentStep": present.phase.step, "totalSteps": self.steps, "phase": present.phase.name,
            "etaSeconds": round(left, 1), **self.figures, **self._of_rows(present, here, pace, now),
        }  # fmt: skip
        return Reading(self.progress, self.message, metadata)

    def _to_come(self, phase: Phase) -> tuple[Phase, ...]:
        names = [each.name for each in self._plan]
        return self._plan[names.index(phase.name) + 1 :] if phase.name in names else self._plan

    def _pace(self, present: _Present, now: float) -> float:
        """How many seconds this machine takes for one that is expected: of all that is over, and of what is known to be done."""
        share, at = present.look(now)
        share = share if share >= TELLING_SHARE else 0.0
        expected = self._expected + share * present.phase.seconds
        taken = self._taken + (at - present.since if share else 0.0)
        to_come = sum(phase.seconds for phase in self._to_come(present.phase))
        trust = TRUST * (self._expected + present.phase.seconds + to_come)
        return min(20.0, max(0.05, (taken + trust * self.pace) / (expected + trust))) if trust > 0 else self.pace

    def _of_rows(self, present: _Present, here: float, pace: float, now: float) -> dict[str, int]:
        """How many rows the present step is done with, and how many it takes in a second."""
        rows = self.figures.get("totalRows")
        if not rows:
            return {}
        step = present.phase.step
        in_phase = now - present.since
        passed = self._step_expected + present.phase.seconds * (
            in_phase / (in_phase + here) if in_phase + here else 0.0
        )
        to_come = sum(phase.seconds for phase in self._to_come(present.phase) if phase.step == step)
        whole = self._step_expected + present.phase.seconds + to_come
        done = int(rows * passed / whole) if whole > 0 else 0
        self._rows = step, max(done, self._rows[1]) if self._rows[0] == step else done
        told = {"rowsDone": min(rows, self._rows[1])}
        in_step = now - self._step_since
        if in_step >= SPEED_AFTER:
            told["rowsPerSecond"] = round(told["rowsDone"] / in_step)
        return told
