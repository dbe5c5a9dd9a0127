"""Backups over HTTP: made, fetched, brought, restored, removed; and what is refused meanwhile."""

from __future__ import annotations

import io
import time

import pytest

from tests.support.exports import scan

pytestmark = pytest.mark.sqlite("PostgreSQL is backed up by its own programs")


@pytest.fixture
def upload(working, client):
    def run(content=None):
        form = {"csvFile": (io.BytesIO(content or scan([1, 2])), "scan.csv")}
        return client.post("/api/vulnerabilities/import", data=form)

    return run


@pytest.fixture
def ended(client):
    """Waits for the end of a session and returns its snapshot."""

    def wait(answer):
        assert answer.status_code == 202, answer.text
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline:
            told = client.get(f"/api/progress/{answer.json['sessionId']}").json
            if told["status"] in ("completed", "error"):
                return told
            time.sleep(0.02)
        raise AssertionError("it did not end")

    return wait


def total(client):
    return client.get("/api/vulnerabilities/stats").json["total"]


def test_backup_clear_and_restore(upload, client, ended):
    upload()
    made = client.post("/api/backups", json={})
    told = ended(made)
    assert (told["status"], told["progress"], told["metadata"]["operation"]) == ("completed", 100, "backup")
    name = made.json["name"]
    [listed] = client.get("/api/backups").json["data"]
    assert listed["name"] == name
    assert listed["size"] > 50_000

    assert ended(client.post("/api/clear", json={"confirm": "DELETE"}))["status"] == "completed"
    assert total(client) == 0
    assert client.get("/api/imports").json["pagination"]["total"] == 0
    assert upload(scan([5])).status_code == 200  # the emptied record takes imports
    assert ended(client.post(f"/api/backups/{name}/restore", json={"confirm": "RESTORE"}))["status"] == "completed"
    assert total(client) == 2
    kept = [backup["name"] for backup in client.get("/api/backups").json["data"]]
    assert sorted(each.rsplit("-", 2)[0] for each in kept) == ["backup", "before-clear", "before-restore"]
    assert upload(scan([1, 2, 3])).json["inserted"] == 1


def test_a_backup_can_be_fetched_and_brought_elsewhere(upload, client, ended):
    upload()
    name = ended(client.post("/api/backups", json={}))["metadata"]["filename"]
    fetched = client.get(f"/api/backups/{name}")
    assert fetched.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    assert int(fetched.headers["Content-Length"]) == len(fetched.data)
    assert client.delete(f"/api/backups/{name}").json == {"success": True}
    assert client.get(f"/api/backups/{name}").status_code == 404

    brought = client.post("/api/backups/upload", data={"backupFile": (io.BytesIO(fetched.data), "../../evil.sqlite3")})
    assert brought.status_code == 201
    assert brought.json["name"].startswith("uploaded-")
    ended(client.post("/api/clear", json={"confirm": "DELETE"}))
    assert (
        ended(client.post(f"/api/backups/{brought.json['name']}/restore", json={"confirm": "RESTORE"}))["status"]
        == "completed"
    )
    assert total(client) == 2


def test_what_is_no_backup_is_refused(working, client, ended, config):
    answer = client.post("/api/backups/upload", data={"backupFile": (io.BytesIO(b"hostname,severity\n"), "scan.csv")})
    assert (answer.status_code, answer.json["error"]["code"]) == (422, "NOT_A_BACKUP")
    assert client.post("/api/backups/upload", data={}).json["error"]["code"] == "NO_FILE"
    content = b"SQLite format 3\0" + b"\x00" * 5000
    name = client.post("/api/backups/upload", data={"backupFile": (io.BytesIO(content), "x")}).json["name"]
    told = ended(client.post(f"/api/backups/{name}/restore", json={"confirm": "RESTORE"}))
    assert (told["status"], told["error"]["code"]) == ("error", "NOT_A_BACKUP")
    assert list((config.INSTANCE_PATH / "uploads").iterdir()) == []


def test_clearing_asks_for_the_word(upload, client):
    upload()
    for word in [None, "", "delete", "RESTORE", True]:
        answer = client.post("/api/clear", json={"confirm": word})
        assert (answer.status_code, answer.json["error"]["code"]) == (400, "BAD_REQUEST")
        assert '"DELETE"' in answer.json["error"]["detail"]
        assert total(client) == 2


def test_a_name_is_never_a_path(client):
    for name in ["..%2fsecret_key", "secret_key", "backup-1.sqlite3", "hextrackr.sqlite3", "%2e%2e", "a" * 300]:
        for answer in (client.get(f"/api/backups/{name}"), client.delete(f"/api/backups/{name}")):
            assert answer.status_code == 404
        assert client.post(f"/api/backups/{name}/restore", json={"confirm": "RESTORE"}).status_code == 404


def test_nothing_is_replaced_beside_an_import_that_waits(upload, client):
    upload(scan(range(60)))
    waiting = upload(scan([1]))  # it would resolve nearly everything
    assert waiting.status_code == 202
    answer = client.post("/api/clear", json={"confirm": "DELETE"})
    assert (answer.status_code, answer.json["error"]["code"]) == (409, "IMPORTS_UNFINISHED")
    assert total(client) == 60


def test_no_import_is_taken_while_the_record_is_replaced(upload, client, app):
    with app.extensions["maintenance_lock"].maintaining(lambda: None):
        answer = upload()
    assert (answer.status_code, answer.json["error"]["code"]) == (503, "MAINTENANCE")
    assert upload().status_code == 200


def test_a_session_id_in_use_is_refused_and_leaves_nothing_held(upload, client, app):
    session = app.extensions["progress_tracker"].create_session({"operation": "another"})
    answer = client.post("/api/clear", json={"sessionId": session, "confirm": "DELETE"})
    assert (answer.status_code, answer.json["error"]["code"]) == (409, "SESSION_IN_USE")
    assert client.post("/api/backups", json={"sessionId": "x"}).json["error"]["code"] == "INVALID_SESSION_ID"
    assert upload().status_code == 200
