"""A clock that only advances when a test says so, and a recorder of the events sent meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class FakeClock:
    """Implements :class:`hextrackr.progress.session.Clock`; ``advance`` runs the timers on its way, ``late`` ms after their time."""

    def __init__(self) -> None:
        self.late = 0
        self.monotonic = 0
        self.wall = 1_787_220_000_000
        self.timers: list[tuple[int, Callable[[], None]]] = []

    def now_ms(self) -> int:
        return self.wall

    def monotonic_ms(self) -> int:
        return self.monotonic

    def call_later(self, delay_ms: int, action: Callable[[], None]) -> None:
        self.timers.append((self.monotonic + delay_ms + self.late, action))

    def advance(self, milliseconds: int) -> None:
        end = self.monotonic + milliseconds
        while due := [timer for timer in self.timers if timer[0] <= end]:
            timer = min(due, key=lambda entry: entry[0])
            self.timers.remove(timer)
            self._move_to(timer[0])
            timer[1]()
        self._move_to(end)

    def _move_to(self, instant: int) -> None:
        self.wall += instant - self.monotonic
        self.monotonic = instant


class Recorder:
    """Records every event with the time at which it was sent."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.events: list[tuple[int, str, dict[str, Any], str]] = []

    def __call__(self, event: str, payload: dict[str, Any], room: str) -> None:
        self.events.append((self.clock.monotonic, event, payload, room))

    def names(self) -> list[str]:
        return [event for _, event, _, _ in self.events]

    def instants(self, event: str) -> list[int]:
        return [instant for instant, name, _, _ in self.events if name == event]

    def last(self) -> dict[str, Any]:
        return self.events[-1][2]
