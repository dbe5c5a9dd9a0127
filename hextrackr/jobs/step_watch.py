"""How long each step of an import has taken, as seen by who listens to the importer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

#: The steps of an import by their numbers in the progress contract.
STEPS = {1: "reading", 2: "staging", 3: "promoting"}


@dataclass
class _Run:
    step: int
    since: float
    seconds: dict[str, float] = field(default_factory=dict)

    def leave(self, now: float) -> None:
        name = STEPS.get(self.step, "")
        if name:
            self.seconds[name] = round(self.seconds.get(name, 0.0) + now - self.since, 3)
        self.since = now


class StepWatch:
    """Measures the imports that run here.

    :param clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._runs: dict[int, _Run] = {}

    def seen(self, import_id: int, step: int) -> None:
        """An import is at this step now."""
        run = self._runs.setdefault(import_id, _Run(step, self._clock()))
        if run.step != step:
            run.leave(self._clock())
            run.step = step

    def stop(self, import_id: int) -> dict[str, float]:
        """An import has ended, or waits: return the seconds of its steps by name, and forget it."""
        run = self._runs.pop(import_id, None)
        if run is None:
            return {}
        run.leave(self._clock())
        return run.seconds
