"""The hold on the record: one holder at a time, also when it ends without a word."""

from __future__ import annotations

import subprocess
import sys

import pytest

from hextrackr.workers.hold import Hold
from tests.exports import scan
from tests.server.client import form


@pytest.fixture
def holds(tmp_path):
    return Hold(tmp_path), Hold(tmp_path)


def test_one_holds_and_the_other_sees_it(holds, tmp_path):
    one, other = holds
    assert not one.is_held()
    assert one.take()
    assert one.is_held() and other.is_held()
    assert not other.take()
    one.release()
    assert not one.is_held() and not other.is_held()
    assert list(tmp_path.iterdir()) == []
    assert other.take()
    other.release()


def test_who_does_not_hold_it_releases_nothing(holds):
    one, other = holds
    one.take()
    other.release()
    assert other.is_held()
    one.release()


def test_a_holder_that_ends_lets_go(holds, tmp_path):
    program = f"from pathlib import Path; from hextrackr.workers.hold import Hold; print(Hold(Path({str(tmp_path)!r})).take())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"
    assert not holds[0].is_held()
    assert holds[0].take()
    holds[0].release()


def test_nothing_is_taken_while_another_process_replaces_the_record(app, client, queue):
    waiting = queue(b"x", submit=False)
    hold = Hold(app.config["INSTANCE_PATH"])
    hold.take()
    body, kind = form(scan([1]))
    upload = client.post("/api/vulnerabilities/import-staging", data=body, content_type=kind)
    again = client.post(f"/api/imports/{waiting.id}/retry")
    assert [(answer.status_code, answer.json["error"]["code"]) for answer in (upload, again)] == [
        (503, "REPLACING")
    ] * 2
    assert client.get("/ready").json["checks"]["server"].startswith("The record is being replaced")
    hold.release()
    assert client.get("/ready").status_code == 200


@pytest.mark.sqlite("PostgreSQL is backed up by its own programs")
def test_nothing_is_cleared_while_another_process_replaces_the_record(app, client):
    hold = Hold(app.config["INSTANCE_PATH"])
    hold.take()
    answer = client.post("/api/clear", json={"confirm": "DELETE"})
    assert (answer.status_code, answer.json["error"]["code"]) == (503, "REPLACING")
    hold.release()
