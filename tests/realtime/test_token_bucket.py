"""How often something may happen."""

from __future__ import annotations

import pytest

from hextrackr.realtime.client_limits import TokenBucket


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def test_after_a_burst_each_turn_waits_for_its_place():
    clock = Clock()
    bucket = TokenBucket(rate=10, burst=3, clock=clock)
    assert [round(bucket.wait(), 3) for _ in range(6)] == [0, 0, 0, 0.1, 0.2, 0.3]
    clock.now += 0.3
    assert round(bucket.wait(), 3) == 0.1


def test_a_rest_fills_it_to_the_burst_and_no_further():
    clock = Clock()
    bucket = TokenBucket(rate=10, burst=3, clock=clock)
    assert bucket.is_full()
    assert [bucket.allows() for _ in range(4)] == [True, True, True, False]
    assert not bucket.is_full()
    clock.now += 3600
    assert bucket.is_full()
    assert [bucket.allows() for _ in range(4)] == [True, True, True, False]


@pytest.mark.parametrize("step", [-3600, 0])
def test_a_clock_that_is_set_back_takes_nothing_away(step):
    clock = Clock()
    bucket = TokenBucket(rate=10, burst=3, clock=clock)
    clock.now += step
    assert [bucket.allows() for _ in range(4)] == [True, True, True, False]
