"""An export that is watched: the same file, told as a progress session to its end, whatever that is."""

from __future__ import annotations

import threading
import time
import uuid

import pytest
from flask import request

from hextrackr.web import exports
from hextrackr.web.export_progress import ExportProgress
from hextrackr.web.filters import requested

SESSION = "6f1c0000-0000-4000-8000-000000000001"


@pytest.fixture(autouse=True)
def pieces(monkeypatch):
    monkeypatch.setattr(exports, "_FOUND", 20)
    monkeypatch.setattr(exports, "_SPAN", 50)


def told(client):
    return client.get(f"/api/progress/{SESSION}").json


@pytest.mark.parametrize("kind", ["csv", "json"])
@pytest.mark.parametrize("filters", ["", "state=open", "search=host-1", "severity=critical&port=443", "search=nowhere"])
def test_the_file_is_the_same_and_its_session_completes(client, record, kind, filters):
    path = f"/api/vulnerabilities/export.{kind}?{filters}"
    unwatched = client.get(path).data
    assert client.get(f"{path}&sessionId={SESSION}").data == unwatched
    snapshot = told(client)
    assert (snapshot["status"], snapshot["progress"]) == ("completed", 100)
    assert (snapshot["metadata"]["operation"], snapshot["metadata"]["filename"]) == (
        "export",
        f"vulnerabilities.{kind}",
    )
    total = client.get(f"/api/vulnerabilities?{filters}").json["pagination"]["total"]
    assert snapshot["metadata"]["findings"] == snapshot["metadata"]["recordsCreated"] == total
    assert snapshot["metadata"]["bytes"] == len(unwatched.decode())


@pytest.mark.parametrize("query", ["", "state=open", "search=host"])
def test_progress_rises_as_the_pieces_leave(app, engine, client, record, query, tmp_path):
    tracker = app.extensions["progress_tracker"]
    with app.test_request_context(f"/?{query}"):
        export = exports.Export(
            engine, requested(request.args), "csv", folder=tmp_path,
            start_task=lambda function, *args: threading.Thread(target=function, args=args).start(), sleep=time.sleep,
        )  # fmt: skip
    seen = []
    for _ in ExportProgress(export, tracker, SESSION, "vulnerabilities.csv").text():
        session = tracker.get_session(SESSION)
        seen.append((session["progress"], session["metadata"].get("findings", 0)))
    assert seen == sorted(seen)
    assert len({progress for progress, _ in seen}) >= 4
    assert all(progress < 100 for progress, _ in seen)
    assert tracker.get_session(SESSION)["metadata"]["findings"] > 50


def test_a_client_that_goes_away_ends_the_session(client, record):
    for read in (0, 1, 3):
        session = str(uuid.uuid4())
        answer = client.get(f"/api/vulnerabilities/export.csv?sessionId={session}", buffered=False)
        for _ in range(read):
            next(answer.iter_encoded())
        answer.close()
        snapshot = client.get(f"/api/progress/{session}").json
        assert (snapshot["status"], snapshot["error"]["code"]) == ("error", "INTERRUPTED"), read
        assert snapshot["progress"] < 100


def test_an_id_in_use_or_malformed_is_refused_before_anything_is_sent(app, client, record):
    app.extensions["progress_tracker"].create_session_with_id(SESSION, {"operation": "another"})
    for session, code in {SESSION: "SESSION_IN_USE", "x": "INVALID_SESSION_ID"}.items():
        answer = client.get(f"/api/vulnerabilities/export.csv?sessionId={session}")
        assert answer.json["error"]["code"] == code
    assert told(client)["status"] == "initialized"


def test_asking_for_the_head_opens_no_session(client, record):
    assert client.head(f"/api/vulnerabilities/export.csv?sessionId={SESSION}").status_code == 200
    assert client.get(f"/api/progress/{SESSION}").status_code == 404
