"""What an import would do, what imports did to a finding, and taking the latest one back."""

from __future__ import annotations

import io

import pytest

from tests.support.exports import scan

FIGURES = ("inserted", "updated", "reopened", "resolved", "unchanged")


@pytest.fixture
def upload(working, client):
    def run(content, **fields):
        form = {"csvFile": (io.BytesIO(content), "scan.csv"), **fields}
        return client.post("/api/vulnerabilities/import", data=form)

    return run


def figures(told):
    return {name: told[name] for name in FIGURES if told[name]}


def test_a_findings_history_with_the_values_before_and_after(upload, client):
    upload(scan([1, 2], severity="High", description="text", cve="CVE-2026-1000"), scanDate="2026-08-01")
    upload(scan([1, 2], severity="Critical", vpr="9.1"), scanDate="2026-08-08")
    upload(scan([2]), scanDate="2026-08-15", source="")
    upload(scan([1, 2], severity="Critical"), scanDate="2026-08-22")
    [finding] = client.get("/api/vulnerabilities?search=web1").json["data"]
    told = client.get(f"/api/vulnerabilities/{finding['id']}").json

    history = told.pop("history")
    extra = {"evidence", "historyTotal", "description", "solution", "seeAlso", "cvssVector"}
    assert {name: value for name, value in told.items() if name not in extra} == finding
    assert (told["description"], told["cves"]) == ("text", ["CVE-2026-1000"])
    assert [(event["importId"], event["kind"], event["day"]) for event in history] == [
        (1, "opened", "2026-08-01"),
        (2, "changed", "2026-08-08"),
        (3, "resolved", "2026-08-15"),
        (4, "reopened", "2026-08-22"),
    ]
    assert history[0]["before"] is None
    assert history[1]["before"] == {"state": "active", "severity": "high", "vpr": None, "cvss": None}
    assert history[1]["after"] == {"state": "active", "severity": "critical", "vpr": 9.1, "cvss": None}
    assert [event["after"]["state"] for event in history] == ["active", "active", "resolved", "reopened"]
    assert history[3]["filename"] == "scan.csv"


def test_an_undo_is_told_as_a_progress_session(upload, client, app):
    upload(scan([1, 2]))
    session = "6f1c2a34-0000-4000-8000-000000000000"
    assert client.post("/api/imports/1/undo", json={"sessionId": session}).status_code == 200
    told = client.get(f"/api/progress/{session}").json
    assert (told["status"], told["metadata"]["operation"], told["progress"]) == ("completed", "undo", 100)
    other = session.replace("6f", "7f")
    assert client.post("/api/imports/1/undo", json={"sessionId": other}).status_code == 409
    assert client.get(f"/api/progress/{other}").json["error"]["code"] == "NOT_LATEST"


def test_an_unknown_finding_is_404(client):
    answer = client.get("/api/vulnerabilities/1")
    assert (answer.status_code, answer.json["error"]["code"]) == (404, "UNKNOWN_FINDING")


def test_an_import_without_findings_has_nothing_to_undo_and_nothing_to_undo_before(upload, client):
    upload(scan([1, 2]))
    header = scan([1]).splitlines()[0]
    without = upload(header + b"\n").json
    assert (without["state"], without["undoable"]) == ("completed", False)
    assert client.get(f"/api/imports/{without['importId']}").json["undoFirst"] is None


def test_the_latest_import_of_a_source_is_undone(upload, client, query):
    first, second = upload(scan([1, 2])).json, upload(scan([2, 3])).json
    assert (first["undoable"], second["undoable"]) == (True, True)
    earlier, later = (client.get(f"/api/imports/{number}").json for number in (1, 2))
    assert (earlier["undoable"], earlier["undoFirst"], later["undoFirst"]) == (False, 2, None)
    assert client.post("/api/imports/1/undo").json["error"]["code"] == "NOT_LATEST"

    answer = client.post("/api/imports/2/undo")

    assert (answer.status_code, answer.json["undoable"]) == (200, False)
    assert answer.json["undoneAt"] > answer.json["finishedAt"] - 1
    assert query("SELECT count(*), sum(CASE lifecycle WHEN 'active' THEN 1 ELSE 0 END) FROM findings") == [(2, 2)]
    again = client.post("/api/imports/2/undo")
    assert (again.status_code, again.json["error"]["code"]) == (409, "NOT_LATEST")
    assert client.post("/api/imports/9/undo").status_code == 404
    assert client.get("/api/vulnerabilities/stats").json["lastImport"]["importId"] == 1


def test_a_preview_changes_nothing_and_can_be_confirmed(upload, client, query):
    upload(scan([1, 2]))
    before = query("SELECT * FROM findings")
    asked = upload(scan([2, 3], severity="Low"), preview="true")
    assert (asked.status_code, asked.json["state"]) == (202, "awaiting-confirmation")
    forecast = asked.json["forecast"]
    assert figures(forecast) == {"inserted": 1, "updated": 1, "resolved": 1}
    assert forecast["summary"]["hosts"]["new"]["names"] == ["web3"]
    assert (asked.json["preview"], asked.json["resolved"]) == (True, 0)
    assert query("SELECT * FROM findings") == before
    snapshot = client.get(f"/api/progress/{asked.json['sessionId']}").json
    assert snapshot["metadata"]["awaitingConfirmation"] is True
    assert snapshot["metadata"]["forecast"] == forecast

    client.post(f"/api/imports/{asked.json['importId']}/confirm")
    done = upload(scan([2, 3], severity="Low")).json  # waits its turn behind the confirmed one
    assert figures(client.get(f"/api/imports/{asked.json['importId']}").json) == figures(forecast)
    assert figures(done) == {"unchanged": 2}


def test_a_cancelled_preview_leaves_nothing(upload, client, query):
    asked = upload(scan([1]), preview="true").json
    assert client.post(f"/api/imports/{asked['importId']}/cancel").json["state"] == "cancelled"
    assert query("SELECT count(*) FROM findings") == [(0,)]
