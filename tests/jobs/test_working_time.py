"""How long imports are worked on, whatever becomes of the wall clock and of the processes."""

from __future__ import annotations

import pytest

from hextrackr.domain.models import Import
from hextrackr.jobs import snapshots
from hextrackr.jobs.progress_reporter import WorkingTime

HOUR = 3_600_000
WEEK_AND_A_DAY = 8 * 24 * HOUR


class Clock:
    now = 50.0

    def __call__(self):
        return self.now


def test_the_work_is_timed_in_all_and_step_by_step():
    clock = Clock()
    time = WorkingTime(clock)
    time.begin(7, {})
    clock.now += 0.125  # the importer starts
    for step, seconds in ((1, 0.5), (1, 0.5), (2, 2.0), (3, 0.25)):
        time.step(7, step)
        clock.now += seconds
    assert time.measured(7) == {"duration": 3_375, "stepSeconds": {"reading": 1.0, "staging": 2.0, "promoting": 0.25}}
    time.stop(7)
    clock.now += 100
    assert time.measured(7)["duration"] == 3_375
    time.forget(7)
    assert time.measured(7) == {}


def test_work_that_goes_on_is_added_to_what_came_before_and_the_wait_between_is_not():
    clock = Clock()
    time = WorkingTime(clock)
    time.begin(7, {"duration": 1_000, "stepSeconds": {"reading": 0.5, "promoting": 0.25}, "progress": 60.0})
    time.step(7, 3)
    clock.now += 2
    time.stop(7)
    assert time.measured(7) == {"duration": 3_000, "stepSeconds": {"reading": 0.5, "promoting": 2.25}}


@pytest.mark.parametrize(
    ("took", "told"), [(2_000, 2_000), (-HOUR, 0), (WEEK_AND_A_DAY, WEEK_AND_A_DAY), (10 * 365 * 24 * HOUR, None)]
)
def test_where_nothing_was_measured_the_row_tells_what_can_be(took, told):
    assert snapshots.duration(Import(created_at=1, started_at=HOUR, finished_at=HOUR + took, work={})) == told


def test_what_was_measured_holds_and_what_has_not_ended_or_not_begun_took_nothing():
    assert snapshots.duration(Import(started_at=1, finished_at=HOUR, work={"duration": 5})) == 5
    assert snapshots.duration(Import(started_at=1, finished_at=None, work={"duration": 5})) is None
    assert snapshots.duration(Import(started_at=None, finished_at=HOUR, work={})) == 0
