"""What is counted of the events that go out."""

from __future__ import annotations

import pytest

from hextrackr import create_app
from hextrackr.monitoring.metrics import QUIET, Metrics
from hextrackr.progress import protocol


class Time:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def time():
    return Time()


@pytest.fixture
def metrics(app, time):
    return Metrics(app, time)


def value(metrics, name, **labels):
    return metrics.registry.get_sample_value(f"hextrackr_{name}", labels)


def snapshot(session="s", status="processing", operation="csv-import", **fields):
    metadata = {"operation": operation, **fields.pop("metadata", {})}
    return {"sessionId": session, "status": status, "metadata": metadata, **fields}


def completed(**metadata):
    return snapshot(status="completed", duration=1500, metadata=metadata)


def test_completed_imports_are_counted_with_their_rows_rejects_and_phases(metrics):
    for rows in (100, 50):
        seconds = {"reading": 0.25, "promoting": 1.0}
        metrics.on_event(protocol.COMPLETE, completed(rowsRead=rows, rejected=3, stepSeconds=seconds))
    assert value(metrics, "imports_ended_total", outcome="completed") == 2
    assert (value(metrics, "import_rows_total"), value(metrics, "import_rejects_total")) == (150, 6)
    assert (value(metrics, "import_seconds_count"), value(metrics, "import_seconds_sum")) == (2, 3.0)
    assert value(metrics, "import_phase_seconds_sum", phase="reading") == 0.5
    assert value(metrics, "import_phase_seconds_bucket", phase="promoting", le="0.5") == 0
    assert value(metrics, "import_phase_seconds_bucket", phase="promoting", le="1.0") == 2
    assert value(metrics, "events_total", event=protocol.COMPLETE) == 2


def test_other_ends_are_counted_by_their_code(metrics):
    metrics.on_event(protocol.ERROR, snapshot(status="error", error={"code": "CANCELLED"}))
    assert value(metrics, "imports_ended_total", outcome="CANCELLED") == 1
    assert value(metrics, "imports_ended_total", outcome="completed") == 0
    assert value(metrics, "import_seconds_count") == 0


def test_the_rate_is_that_of_the_imports_that_run(metrics, time):
    metrics.on_event(protocol.UPDATE, snapshot("a", metadata={"rowsPerSecond": 1000}))
    metrics.on_event(protocol.UPDATE, snapshot("b", metadata={"rowsPerSecond": 500}))
    assert value(metrics, "import_rows_per_second") == 1500
    metrics.on_event(protocol.COMPLETE, snapshot("b", status="completed"))
    assert value(metrics, "import_rows_per_second") == 1000
    time.now += QUIET
    assert value(metrics, "import_rows_per_second") == 0


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        (protocol.PONG, None),
        (protocol.STATUS, snapshot()),
        (protocol.ERROR, protocol.rejection({"code": "X", "detail": "x"}, 1)),
        (protocol.COMPLETE, snapshot(status="completed", operation="backup")),
    ],
)
def test_what_is_no_event_of_an_import_counts_as_none(metrics, event, payload):
    metrics.on_event(event, payload)
    ended = next(metric for metric in metrics.registry.collect() if metric.name == "hextrackr_imports_ended")
    assert [(sample.labels["outcome"], sample.value) for sample in ended.samples] == [("completed", 0)]


def test_apps_in_one_process_count_for_themselves(app, config):
    other = create_app(config)
    app.extensions["metrics"].on_event(protocol.COMPLETE, completed(rowsRead=7))
    assert value(app.extensions["metrics"], "import_rows_total") == 7
    assert value(other.extensions["metrics"], "import_rows_total") == 0
