"""``/metrics``, ``/ready`` and the dashboard, of an app at work."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest

from config import TestingConfig
from hextrackr import create_app
from hextrackr.monitoring import readiness
from tests.support.exports import export, row
from tests.support.running_app import RunningApp

ROOT = Path(__file__).resolve().parents[2]
DASHBOARD = ROOT / "deploy" / "grafana-dashboard.json"
OPERATING = ROOT / "docs" / "operating.md"


def samples(text):
    """Each sample by its name with labels."""
    lines = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, value in lines}


@pytest.fixture
def at_work(working, engine):
    """An app that has imported a file with two findings and a row that it rejected, and has refused another file."""
    app = RunningApp(working, engine)
    rejected = row(host="z") | {"severity": "Purple"}
    files = [export([row(host="x"), row(host="y"), rejected]), b"name,price,quantity\n1,2,3\n"]
    for import_id in [app.upload(content) for content in files]:
        app.told_the_end(app.record(import_id)["sessionId"])
    return app


def test_the_figures_tell_what_was_imported(at_work):
    answer = at_work.get("/metrics")
    assert answer.content_type.startswith("text/plain")
    told = samples(answer.text)
    assert told['hextrackr_imports{state="completed"}'] == 1
    assert told['hextrackr_imports{state="failed"}'] == 1
    assert told['hextrackr_imports_ended_total{outcome="completed"}'] == 1
    assert told['hextrackr_imports_ended_total{outcome="UNKNOWN_FORMAT"}'] == 1
    assert told["hextrackr_import_rows_total"] == 3
    assert told["hextrackr_import_rejects_total"] == 1
    assert told["hextrackr_import_queue_depth"] == 0
    assert told['hextrackr_import_phase_seconds_count{phase="promoting"}'] >= 1
    assert told["hextrackr_import_seconds_count"] == 1
    assert told["hextrackr_database_up"] == 1
    assert told["hextrackr_disk_free_bytes"] > 0
    assert told["hextrackr_sockets"] == told["hextrackr_rooms"] == 0


def test_the_event_loop_is_watched_from_the_first_question_on(at_work):
    assert samples(at_work.get("/metrics").text)["hextrackr_event_loop_lag_seconds_count"] == 0
    deadline = time.monotonic() + 30
    while not samples(at_work.get("/metrics").text)["hextrackr_event_loop_lag_seconds_count"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_every_panel_of_the_dashboard_uses_figures_that_there_are(at_work):
    exposed = {re.split(r"[ {]", line)[0] for line in at_work.get("/metrics").text.splitlines() if line[0] != "#"}
    queries = [target["expr"] for panel in json.loads(DASHBOARD.read_text())["panels"] for target in panel["targets"]]
    used = {name for query in queries for name in re.findall(r"\b(?:hextrackr|process)_\w+", query)}
    assert len(used) > 10
    assert used <= exposed


def test_every_figure_is_documented_and_no_other(at_work):
    exposed = set(re.findall(r"# TYPE (hextrackr_\w+)", at_work.get("/metrics").text))
    assert exposed == set(re.findall(r"^\| `(hextrackr_\w+)` \|", OPERATING.read_text(), re.MULTILINE))


def test_metrics_can_be_left_out(config):
    app = create_app(TestingConfig(INSTANCE_PATH=config.INSTANCE_PATH, METRICS="off"))
    assert app.test_client().get("/metrics").status_code == 404


def test_a_server_that_can_work_is_ready(client):
    answer = client.get("/ready")
    assert (answer.status_code, answer.json["status"]) == (200, "ready")
    assert answer.json["checks"] == {"database": "ok", "store": "ok", "disk": "ok", "lists": "ok", "server": "ok"}


def _without_database(app, monkeypatch):
    path = app.config["INSTANCE_PATH"] / "hextrackr.sqlite3"
    path.rename(path.with_suffix(".gone"))


def _without_space(app, monkeypatch):
    monkeypatch.setattr(readiness, "DISK_RESERVE", 1 << 62)


def _without_store(app, monkeypatch):
    app.extensions["store_check"] = lambda: "Redis does not answer"


def _stopping(app, monkeypatch):
    app.extensions["import_worker"].stop()


@pytest.mark.sqlite("its file is taken away")
def test_without_a_database_the_metrics_say_so(app, client, monkeypatch):
    _without_database(app, monkeypatch)
    shown = samples(client.get("/metrics").text)
    assert shown["hextrackr_database_up"] == 0
    assert "hextrackr_import_queue_depth" not in shown
    assert shown["hextrackr_store_up"] == 1


@pytest.mark.parametrize(
    ("spoil", "failing"),
    [
        pytest.param(_without_database, "database", marks=pytest.mark.sqlite("its file is taken away")),
        (_without_space, "disk"),
        (_without_store, "store"),
        (_stopping, "server"),
    ],
)
def test_what_is_missing_is_named(app, client, monkeypatch, spoil, failing):
    spoil(app, monkeypatch)
    answer = client.get("/ready")
    assert (answer.status_code, answer.json["status"]) == (503, "not ready")
    assert {name for name, found in answer.json["checks"].items() if found != "ok"} == {failing}
    assert client.get("/health").status_code == 200


@pytest.mark.sqlite("PostgreSQL is backed up by its own programs")
def test_other_operations_are_not_counted_as_imports(at_work):
    backup = at_work._client.post("/api/backups").json
    at_work.told_the_end(backup["sessionId"])
    assert samples(at_work.get("/metrics").text)["hextrackr_import_seconds_count"] == 1
