"""What is counted of the events that go out."""

from __future__ import annotations

import pytest

from hextrackr.monitoring.figures import QUIET, Figures
from hextrackr.monitoring.histogram import Histogram
from hextrackr.progress import protocol
from hextrackr.workers.stepwatch import StepWatch


class Time:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def time():
    return Time()


@pytest.fixture
def figures(time):
    return Figures(time)


def snapshot(session="s", status="processing", operation="csv-import", **fields):
    metadata = {"operation": operation, **fields.pop("metadata", {})}
    return {"sessionId": session, "status": status, "metadata": metadata, **fields}


def completed(**metadata):
    return snapshot(status="completed", duration=1500, metadata=metadata)


def test_completed_imports_are_counted_with_their_rows_rejects_and_steps(figures):
    for rows in (100, 50):
        told = completed(rowsRead=rows, rejected=3, stepSeconds={"reading": 0.2, "promoting": 1.0})
        figures.heard(protocol.COMPLETE, told)
    assert (figures.ended, figures.rows, figures.rejected) == ({"completed": 2}, 150, 6)
    assert (figures.seconds.count, figures.seconds.sum) == (2, 3.0)
    assert {step: (told.count, told.sum) for step, told in figures.steps.items()} == {
        "reading": (2, 0.4),
        "promoting": (2, 2.0),
    }


def test_other_ends_are_counted_by_their_code(figures):
    figures.heard(protocol.ERROR, snapshot(status="error", error={"code": "CANCELLED"}))
    assert (figures.ended, figures.rows) == ({"CANCELLED": 1}, 0)


def test_the_rate_is_that_of_the_imports_that_run(figures, time):
    figures.heard(protocol.UPDATE, snapshot("a", metadata={"rowsPerSecond": 1000}))
    figures.heard(protocol.UPDATE, snapshot("b", metadata={"rowsPerSecond": 500}))
    assert figures.rows_per_second() == 1500
    figures.heard(protocol.COMPLETE, snapshot("b", status="completed"))
    assert figures.rows_per_second() == 1000
    time.now += QUIET
    assert figures.rows_per_second() == 0


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        (protocol.PONG, None),
        (protocol.STATUS, snapshot()),
        (protocol.ERROR, protocol.rejection({"code": "X", "detail": "x"}, 1)),
        (protocol.COMPLETE, snapshot(status="completed", operation="backup")),
    ],
)
def test_what_is_no_event_of_an_import_counts_as_none(figures, event, payload):
    figures.heard(event, payload)
    assert not figures.ended


def test_a_histogram_counts_upwards():
    histogram = Histogram((1, 2.5))
    for value in (0.5, 1, 2, 9):
        histogram.observe(value)
    assert histogram.buckets() == [("1.0", 2), ("2.5", 3), ("+Inf", 4)]
    assert histogram.sum == 12.5


def test_the_steps_of_an_import_are_timed_from_line_to_line(time):
    watch = StepWatch(time)
    for step, seconds in ((1, 0.5), (1, 0.5), (2, 2.0), (3, 0.25)):
        watch.seen(7, step)
        time.now += seconds
    assert watch.stop(7) == {"reading": 1.0, "staging": 2.0, "promoting": 0.25}
    assert watch.stop(7) == {}
