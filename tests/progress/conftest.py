"""A tracker whose time stands still until the test moves it."""

from __future__ import annotations

import pytest

from hextrackr.progress.tracker import ProgressTracker
from tests.support.clock import FakeClock, Recorder


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def events(clock: FakeClock) -> Recorder:
    return Recorder(clock)


@pytest.fixture
def tracker(clock: FakeClock, events: Recorder) -> ProgressTracker:
    return ProgressTracker(events, clock)
