"""Progress from time and units: it never goes back, never arrives early, and follows what has passed."""

from __future__ import annotations

import pytest

from hextrackr.importing.meter import Meter, Phase, Reading

PLAN = [Phase("read", 1, 1.0), Phase("stage", 2, 1.0), Phase("match", 3, 0.5), Phase("apply", 3, 1.5)]


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def readings() -> list[Reading]:
    return []


@pytest.fixture
def meter(clock: Clock, readings: list[Reading]) -> Meter:
    meter = Meter(readings.append, clock)
    meter.plan(PLAN)
    return meter


def test_phases_share_their_step_by_expected_time(meter, readings):
    for phase in PLAN:
        meter.begin(phase.name)
    assert [reading.progress for reading in readings] == [0.0, 30.0, 60.0, 70.0]


def test_step_three_opens_at_sixty_percent_with_its_message(meter, readings):
    meter.begin("read")
    meter.begin("match", "Staging complete. Processing 9850 records to final tables...")
    assert readings[-1].progress == 60.0
    assert readings[-1].metadata["currentStep"] == 3
    assert readings[-1].message.startswith("Staging complete. Processing 9850")


def test_units_are_counted(meter, readings):
    meter.begin("read")
    meter.begin("stage", units=200)
    meter.advance(50)
    meter.tick()
    assert readings[-1].progress == 37.5


@pytest.mark.parametrize(("elapsed", "progress"), [(0.0, 0.0), (0.5, 15.0), (0.8, 24.0)])
def test_a_phase_without_units_goes_by_the_clock(meter, clock, readings, elapsed, progress):
    meter.begin("read")
    clock.now += elapsed
    meter.tick()
    assert readings[-1].progress == progress


def test_a_phase_that_takes_longer_slows_down_but_never_stands_still_or_ends(meter, clock, readings):
    meter.begin("read")
    for _ in range(30):
        clock.now += 0.1
        meter.tick()
    seen = [reading.progress for reading in readings]
    assert seen == sorted(seen)
    assert seen[-1] > seen[-5]
    assert seen[-1] < 30.0


def test_later_phases_learn_the_pace_of_earlier_ones(meter, clock, readings):
    meter.begin("read")
    clock.now += 4.0  # four times as long as expected
    meter.begin("match")
    clock.now += 1.0  # half of four times 0.5 s
    meter.tick()
    assert readings[-1].progress == 65.0


def test_a_better_plan_does_not_move_the_bar_back(meter, clock, readings):
    meter.begin("read")
    clock.now += 0.8
    meter.tick()
    meter.plan([Phase("stage", 2, 50.0), *PLAN[2:]])
    meter.begin("stage", units=10)
    seen = [reading.progress for reading in readings]
    assert seen == sorted(seen)


def test_time_left_and_rate_follow_from_progress(meter, clock, readings):
    meter.note(totalRows=1000)
    meter.begin("read")
    clock.now += 4.0  # four times as long as expected
    meter.begin("apply")
    clock.now += 1.0
    meter.tick()
    assert readings[-1].metadata["etaSeconds"] == 4 * 1.5 - 1.0
    assert readings[-1].metadata["rowsPerSecond"] == pytest.approx(1000 * readings[-1].progress / 100 / 5.0, abs=1)


def test_a_phase_that_can_be_measured_shows_where_it_stands_and_how_fast(meter, clock, readings):
    done = [0.0]
    meter.begin("read", measure=lambda: done[0])
    done[0] = 0.5
    clock.now += 1.0  # twice as long as expected
    meter.tick()
    assert readings[-1].progress == 15.0
    assert readings[-1].metadata["etaSeconds"] == 2 * (0.5 + 1.0 + 0.5 + 1.5)


def test_it_never_says_a_hundred_before_the_end(meter, clock, readings):
    meter.begin("apply")
    clock.now += 1e6
    meter.tick()
    assert readings[-1].progress <= 99.9
