"""How long imports take, by a clock that nobody sets; their rows have instants of the wall clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from hextrackr.domain.models import Import

#: What an import can take, in milliseconds: 24 h for a confirmation and a week. A row that says more has seen a clock that was set.
MOST = 8 * 24 * 3600 * 1000
#: So many imports are remembered.
KEPT = 10_000


class Durations:
    """What this process has measured itself, by the imports' sessions."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began: dict[str, float] = {}
        self._took: dict[str, int] = {}

    def began(self, session_id: str) -> None:
        """Note that an import was queued now."""
        _keep(self._began, session_id, self._clock())

    def ended(self, session_id: str) -> None:
        """Note that an import has ended now, if its beginning was noted."""
        if (began := self._began.pop(session_id, None)) is not None:
            _keep(self._took, session_id, round((self._clock() - began) * 1000))

    def of(self, record: Import) -> int | None:
        """Milliseconds from upload to end: as measured, else as the row says, where that can be."""
        if record.finished_at is None:
            return None
        if record.session_id in self._took:
            return self._took[record.session_id]
        took = record.finished_at - record.created_at
        return max(0, took) if took <= MOST else None


def _keep(values: dict[str, Any], key: str, value: Any) -> None:
    values[key] = value
    if len(values) > KEPT:
        del values[next(iter(values))]


measured = Durations()
