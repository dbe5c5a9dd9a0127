"""An export that is watched: the same file, told as a progress session to its end, whatever that is."""

from __future__ import annotations

import uuid

import pytest

from hextrackr.queries import export as exporting
from hextrackr.web import exports
from tests.support.exports import scan
from tests.support.importer import importer
from tests.support.waiting import until

SESSION = "6f1c0000-0000-4000-8000-000000000001"


@pytest.fixture(autouse=True)
def imported(engine, config, tmp_path, monkeypatch):
    monkeypatch.setattr(exports, "_CHUNK", 1_000)
    importer(engine, config.database_url, tmp_path)(scan(range(10), range(9)))


def told(client):
    return client.get(f"/api/progress/{SESSION}").json


@pytest.mark.parametrize(
    ("kind", "filters"),
    [
        ("csv", ""),
        ("json", "state=open&severity=high"),
        ("jsonl", "search=nowhere"),
        ("xlsx", "state=open&severity=high"),
    ],
)
def test_the_file_is_the_same_and_its_session_completes(client, kind, filters):
    path = f"/api/vulnerabilities/export.{kind}?{filters}"
    unwatched = client.get(path).data
    watched = client.get(f"{path}&sessionId={SESSION}").data
    assert watched == unwatched or kind == "xlsx"  # which has the time in it
    snapshot = told(client)
    assert (snapshot["status"], snapshot["progress"]) == ("completed", 100)
    assert (snapshot["metadata"]["operation"], snapshot["metadata"]["filename"]) == (
        "export",
        f"vulnerabilities.{kind}",
    )
    total = client.get(f"/api/vulnerabilities?{filters}").json["pagination"]["total"]
    assert snapshot["metadata"]["findings"] == snapshot["metadata"]["recordsCreated"] == total
    assert snapshot["metadata"]["bytes"] == len(watched)


def test_progress_rises_as_the_pieces_leave(app, client):
    tracker = app.extensions["progress_tracker"]
    answer = client.get(f"/api/vulnerabilities/export.csv?sessionId={SESSION}", buffered=False)
    seen = []
    for _ in answer.iter_encoded():
        session = tracker.get_session(SESSION)
        seen.append((session["progress"], session["metadata"].get("findings", 0)))
    answer.close()
    assert seen == sorted(seen)
    assert len({progress for progress, _ in seen}) >= 4
    assert all(progress < 100 for progress, _ in seen)


def test_a_client_that_goes_away_ends_the_session(client):
    for read in (0, 1, 3):
        session = str(uuid.uuid4())
        answer = client.get(f"/api/vulnerabilities/export.csv?sessionId={session}", buffered=False)
        for _ in range(read):
            next(answer.iter_encoded())
        answer.close()
        snapshot = client.get(f"/api/progress/{session}").json
        assert (snapshot["status"], snapshot["error"]["code"]) == ("error", "INTERRUPTED"), read
        assert snapshot["progress"] < 100


def test_writing_ends_when_the_client_has_left(client, monkeypatch):
    append = exporting._append

    def append_late(*arguments, **options):
        until(lambda: not exporting._shares)
        append(*arguments, **options)

    monkeypatch.setattr(exporting, "_append", append_late)
    monkeypatch.setattr(exports, "has_left", lambda connection: True)
    answer = client.get(f"/api/vulnerabilities/export.csv?sessionId={SESSION}")
    assert answer.json["error"]["code"] == told(client)["error"]["code"] == "INTERRUPTED"


def test_what_cannot_be_written_ends_the_session_with_its_reason(client):
    answer = client.get(f"/api/vulnerabilities/export.csv?sort=color&sessionId={SESSION}")
    assert (answer.status_code, told(client)["error"]) == (400, answer.json["error"])


def test_an_id_in_use_or_malformed_is_refused_before_anything_is_sent(app, client):
    app.extensions["progress_tracker"].create_session_with_id(SESSION, {"operation": "another"})
    for session, code in {SESSION: "SESSION_IN_USE", "x": "INVALID_SESSION_ID"}.items():
        answer = client.get(f"/api/vulnerabilities/export.csv?sessionId={session}")
        assert answer.json["error"]["code"] == code
    assert told(client)["status"] == "initialized"


def test_asking_for_the_head_opens_no_session(client):
    assert client.head(f"/api/vulnerabilities/export.csv?sessionId={SESSION}").status_code == 200
    assert client.get(f"/api/progress/{SESSION}").status_code == 404
