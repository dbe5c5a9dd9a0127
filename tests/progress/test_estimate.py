"""Progress from time and units: it never goes back, never arrives early, and follows what has passed."""

from __future__ import annotations

import pytest

from hextrackr.progress.estimate import Meter, Phase, Reading

PLAN = [Phase("read", 1, 1.5), Phase("stage", 2, 1.5), Phase("match", 3, 0.5), Phase("apply", 3, 1.5)]


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


def test_phases_share_the_bar_by_expected_time(meter, readings):
    for phase in PLAN:
        meter.begin(phase.name)
    assert [reading.progress for reading in readings] == [0.0, 30.0, 60.0, 70.0]


def test_step_three_opens_at_sixty_percent_with_its_message(meter, readings):
    meter.plan(PLAN, opening="Staging complete. Processing 9850 records to final tables...")
    for name in ("read", "stage", "match"):
        meter.begin(name)
    assert readings[-1].progress == 60.0
    assert readings[-1].metadata["currentStep"] == 3
    assert readings[-1].message.startswith("Staging complete. Processing 9850")


def test_what_comes_before_step_three_never_fills_more_than_sixty_percent(meter, readings):
    meter.plan([Phase("read", 1, 8.0), Phase("match", 3, 1.0), Phase("apply", 3, 1.0)])
    for name in ("read", "match", "apply"):
        meter.begin(name)
    assert [reading.progress for reading in readings] == [0.0, 60.0, 80.0]


def test_a_long_promotion_begins_earlier_and_step_three_still_opens_at_sixty_percent(meter, readings):
    meter.plan([Phase("read", 1, 1.0), Phase("match", 3, 3.0), Phase("commit", 3, 0.0)], opening="Processing...")
    meter.begin("read", "Reading...")
    meter.begin("match", "Comparing...", units=100)
    for _ in range(10):
        meter.advance(10)
        meter.tick()
    seen = [(reading.progress, reading.metadata["currentStep"], reading.message) for reading in readings]
    assert seen[:3] == [(0.0, 1, "Reading..."), (25.0, 2, "Comparing..."), (32.5, 2, "Comparing...")]
    assert seen[6:8] == [(60.0, 3, "Processing..."), (70.0, 3, "Processing...")]


@pytest.mark.parametrize("phases", [["match"], ["read", "match", "apply"]])
def test_step_three_opens_in_any_case(meter, readings, phases):
    """When the import goes on with its promotion, and when its last phase is all that is left."""
    meter.plan([Phase("read", 1, 0.1), Phase("match", 3, 0.1), Phase("apply", 3, 9.8)], opening="Processing...")
    for name in phases:
        meter.begin(name)
    assert (readings[-1].progress, readings[-1].metadata["currentStep"], readings[-1].message) == (
        60.0,
        3,
        "Processing...",
    )


def test_units_are_counted(meter, readings):
    meter.begin("read")
    meter.begin("stage", units=200)
    meter.advance(50)
    meter.tick()
    assert readings[-1].progress == 37.5


def test_between_units_it_goes_by_the_clock(meter, clock, readings):
    meter.begin("read")
    clock.now += 1.5
    meter.begin("stage", units=4)
    clock.now += 0.5
    meter.advance(1)
    clock.now += 0.75  # half of what is left, at 0.5 s for each unit
    meter.tick()
    pace = (1.5 + 0.5) / (1.5 + 1.5 / 4)  # of all that is known to be done
    assert readings[-1].progress == pytest.approx(30 + 30 * (1 / 4 + 0.75 / (1.5 * pace)), abs=0.1)


def test_a_count_that_is_behind_the_clock_does_not_move_the_bar_back(meter, clock, readings):
    meter.begin("read")
    clock.now += 1.5
    meter.begin("stage", units=10)
    clock.now += 1.2
    meter.tick()
    meter.advance(1)
    meter.tick()
    assert readings[-1].progress == readings[-2].progress > 30 + 30 * 1 / 10
    clock.now += 9.0
    meter.tick()
    assert readings[-2].progress < readings[-1].progress < 60


@pytest.mark.parametrize(
    ("loaded", "elapsed", "share"),
    [(0, 0.0, 0.0), (4, 0.0, 0.4), (4, 0.75, 0.4 + 0.3), (1, 0.75, 0.1 + 0.3), (0, 1.2, 0.6 * 0.8)],
)
def test_what_cannot_be_counted_beside_the_units_goes_by_the_clock(meter, clock, readings, loaded, elapsed, share):
    meter.begin("read")
    clock.now += 1.5
    meter.begin("stage", units=4, uncounted=0.6)
    meter.advance(loaded)
    clock.now += elapsed
    meter.tick()
    assert readings[-1].progress == pytest.approx(30 + 30 * share, abs=0.1)


def test_what_cannot_be_counted_slows_down_but_never_ends(meter, clock, readings):
    meter.begin("read")
    clock.now += 1.5
    meter.begin("stage", units=4, uncounted=0.6)
    meter.advance(4)
    for _ in range(30):
        clock.now += 0.1
        meter.tick()
    seen = [reading.progress for reading in readings]
    assert seen == sorted(seen)
    assert seen[-5] < seen[-1] < 60.0


@pytest.mark.parametrize(("elapsed", "progress"), [(0.0, 0.0), (0.75, 15.0), (1.2, 24.0)])
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
    clock.now += 6.0  # four times as long as expected
    meter.begin("apply")
    opened = readings[-1].progress
    clock.now += 3.0  # half of four times 1.5 s
    meter.tick()
    assert readings[-1].progress == pytest.approx((opened + 100) / 2)


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
    clock.now += 6.0  # four times as long as expected
    meter.begin("apply")
    clock.now += 1.0
    meter.tick()
    assert readings[-1].metadata["etaSeconds"] == 4 * 1.5 - 1.0
    assert readings[-1].metadata["rowsPerSecond"] == pytest.approx(1000 * readings[-1].progress / 100 / 7.0, abs=1)


def test_a_phase_that_can_be_measured_shows_where_it_stands_and_how_fast(meter, clock, readings):
    done = [0.0]
    meter.begin("read", measure=lambda: done[0])
    done[0] = 0.5
    clock.now += 1.5  # twice as long as expected
    meter.tick()
    assert readings[-1].progress == 15.0
    assert readings[-1].metadata["etaSeconds"] == 2 * (0.75 + 1.5 + 0.5 + 1.5)


def test_it_never_says_a_hundred_before_the_end(meter, clock, readings):
    meter.begin("apply")
    clock.now += 1e6
    meter.tick()
    assert readings[-1].progress <= 99.9
