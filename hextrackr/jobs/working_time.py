"""Measure how long imports are worked on, in total and for each step.

The clock is monotonic. The result is stored in the import's row, so that the process that continues the import after an answer or an
interruption adds its own time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

#: The steps of an import by their numbers in the progress contract.
STEPS = {1: "reading", 2: "staging", 3: "promoting"}


@dataclass
class _Work:
    """The work on one import. Times are monotonic seconds.

    :ivar earlier: milliseconds of work by earlier processes.
    :ivar stopped: when the work stopped, or None.
    """

    began: float
    earlier: int
    seconds: dict[str, float]
    step_began: float
    step: int = 0
    stopped: float | None = None

    def seconds_until(self, now: float) -> dict[str, float]:
        """The seconds of each step so far, the running one included."""
        name = STEPS.get(self.step)
        if name is None:
            return dict(self.seconds)
        return {**self.seconds, name: round(self.seconds.get(name, 0.0) + now - self.step_began, 3)}


@dataclass
class WorkingTime:
    """Measures the work on the imports of this process.

    :param clock: monotonic seconds.
    """

    clock: Callable[[], float]
    _works: dict[int, _Work] = field(default_factory=dict)

    def begin(self, import_id: int, earlier: Mapping[str, Any]) -> None:
        """Note that work on an import begins or continues.

        :param earlier: the result of :meth:`measured` of earlier work, or empty.
        """
        now = self.clock()
        self._works[import_id] = _Work(now, earlier.get("duration", 0), dict(earlier.get("stepSeconds", {})), now)

    def step(self, import_id: int, step: int) -> None:
        """Note that an import is at this step now."""
        work = self._works.get(import_id)
        if work is not None and work.step != step:
            now = self.clock()
            work.seconds = work.seconds_until(now)
            work.step, work.step_began = step, now

    def seconds_of_step(self, import_id: int) -> float:
        """The seconds since the current step of an import began; 0 if nothing is measured."""
        work = self._works.get(import_id)
        return 0.0 if work is None else self.clock() - work.step_began

    def stop(self, import_id: int) -> None:
        """Note that work on an import has stopped: it has ended, awaits an answer, or is left to another process."""
        work = self._works.get(import_id)
        if work is not None and work.stopped is None:
            work.stopped = self.clock()

    def measured(self, import_id: int) -> dict[str, Any]:
        """Return ``duration`` in ms and ``stepSeconds``, named as in the progress contract; empty if nothing was measured."""
        work = self._works.get(import_id)
        if work is None:
            return {}
        until = self.clock() if work.stopped is None else work.stopped
        taken = work.earlier + round((until - work.began) * 1000)
        return {"duration": taken, "stepSeconds": work.seconds_until(until)}

    def forget(self, import_id: int) -> None:
        """Drop the measurements of an import, which its row has by now."""
        self._works.pop(import_id, None)
