"""The bar against the clock: it tells the share of the time that has passed, never goes back, and forgets a wrong expectation."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from hextrackr.progress.estimate import Meter, Phase, Reading

PLAN = [Phase("read", 1, 2.0), Phase("stage", 2, 2.0), Phase("compare", 3, 2.0), Phase("insert", 3, 4.0)]
TICK = 0.05


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


class Run:
    """An import that takes the time it takes, whatever is expected."""

    def __init__(self, meter: Meter, clock: Clock, readings: list[Reading]) -> None:
        self.meter, self.clock, self.readings = meter, clock, readings
        self.instants: list[float] = []

    def phase(self, name: str, seconds: float, units: int = 0) -> None:
        self.meter.begin(name, units=units)
        ticks = round(seconds / TICK)
        for tick in range(ticks):
            self.clock.now += TICK
            if units:
                self.meter.advance(units * (tick + 1) // ticks - units * tick // ticks)
            self.meter.tick()
            self.instants.append(self.clock.now - 100)

    def errors(self, after: float = 0.0) -> list[float]:
        """How far each tick, from this share of the time on, was from the truth."""
        told = [reading.progress / 100 for reading in self.readings]
        assert told == sorted(told)
        ticks = [reading for reading in self.readings if reading.metadata.get("phase")][-len(self.instants) :]
        total = self.instants[-1]
        shares = ((at / total, reading) for at, reading in zip(self.instants, ticks, strict=False))
        return [reading.progress / 100 - share for share, reading in shares if share >= after]


@pytest.fixture
def run(meter, clock, readings) -> Run:
    return Run(meter, clock, readings)


def worst(errors: Sequence[float]) -> float:
    return max(map(abs, errors))


@pytest.mark.parametrize("units", [0, 1000])
@pytest.mark.parametrize("speed", [1.0, 4.0, 0.5])
def test_the_bar_follows_the_clock_however_fast_the_machine_is(run, speed, units):
    for phase in PLAN:
        run.phase(phase.name, phase.seconds * speed, units)
    assert worst(run.errors(after=0.4)) < 0.1
    assert speed > 1 or worst(run.errors()) < 0.1


def test_a_phase_that_takes_three_times_as_long_is_made_good_by_the_next(run):
    run.phase("read", 2.0)
    run.phase("stage", 6.0, 1000)
    run.phase("compare", 2.0, 1000)
    run.phase("insert", 4.0, 1000)
    assert worst(run.errors(after=0.75)) < 0.1


def test_what_becomes_known_is_told_to_the_plan(run, meter):
    run.phase("read", 2.0)
    run.phase("stage", 2.0)
    run.phase("compare", 2.0)
    meter.plan([*PLAN[:3], Phase("insert", 3, 1.0)])
    run.phase("insert", 1.0)
    assert worst(run.errors(after=0.9)) < 0.1


def test_more_to_do_than_was_known_does_not_move_the_bar_back(run, meter):
    run.phase("read", 2.0)
    meter.plan([Phase("stage", 2, 20.0), *PLAN[2:]])
    run.phase("stage", 20.0)
    run.phase("compare", 2.0)
    run.phase("insert", 4.0)
    assert worst(run.errors(after=0.2)) < 0.1


def test_what_takes_longer_is_never_told_to_be_at_its_end(meter, clock, readings):
    meter.begin("insert")
    for _ in range(100):
        clock.now += 1.0
        meter.tick()
    assert readings[-1].progress < 95
    assert readings[-1].metadata["etaSeconds"] > 1


def test_time_left_is_of_the_present_phase_and_of_those_to_come(meter, clock, readings):
    meter.begin("read")
    clock.now += 2.0
    meter.begin("stage", units=4)
    clock.now += 0.5
    meter.advance(1)
    meter.tick()
    assert readings[-1].metadata["etaSeconds"] == 1.5 + 2.0 + 4.0
    clock.now += 0.5
    meter.tick()
    assert readings[-1].metadata["etaSeconds"] == 1.0 + 2.0 + 4.0


def test_a_phase_that_can_be_measured_shows_where_it_stands(meter, clock, readings):
    done = [0.0]
    meter.begin("read", measure=lambda: done[0])
    done[0] = 0.5
    clock.now += 1.0
    meter.tick()
    assert (readings[-1].progress, readings[-1].metadata["etaSeconds"]) == (10.0, 9.0)


def test_rows_and_their_speed_are_those_of_the_step(meter, clock, readings):
    meter.note(totalRows=1000)
    meter.begin("read")
    clock.now += 1.0
    meter.tick()
    told = readings[-1].metadata
    assert (told["currentStep"], told["rowsDone"], told["rowsPerSecond"]) == (1, 500, 500)
    clock.now += 1.0
    meter.begin("stage", units=1000)
    assert readings[-1].metadata["rowsPerSecond"] == 0
    clock.now += 0.5
    meter.advance(500)
    meter.tick()
    told = readings[-1].metadata
    assert (told["currentStep"], told["rowsDone"], told["rowsPerSecond"]) == (2, 500, 1000)


def test_a_phase_that_was_not_planned_is_no_harm(meter, readings):
    meter.begin("stage")
    meter.begin("another")
    assert readings[-1].metadata["currentStep"] == 2
