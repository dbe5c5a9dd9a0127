"""The sources over HTTP: what there is of each, and renaming, retiring and merging them."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest

from tests.support.exports import scan

TODAY = date.today()


@pytest.fixture
def upload(working, client):
    """Import a scan of these hosts under a label, so many days ago."""

    def run(label, hosts, days=0, **cells):
        form = {
            "csvFile": (io.BytesIO(scan(hosts, **cells)), "scan.csv"), "source": label, "confirm": "true",
            "scanDate": (TODAY - timedelta(days=days)).isoformat(),
        }  # fmt: skip
        answer = client.post("/api/vulnerabilities/import", data=form).json
        assert answer["state"] == "completed"
        return answer

    return run


@pytest.fixture
def overview(client):
    return lambda: {source["source"]: source for source in client.get("/api/sources/overview").json["data"]}


def test_a_source_says_what_is_open_and_when_it_was_scanned(upload, overview):
    for days in (14, 7, 0):
        upload("Berlin", [1, 2], days)
    for days in (111, 104, 97):
        upload("Rome", [1], days, severity="Critical")
    berlin, rome = overview()["Berlin"], overview()["Rome"]
    assert (berlin["state"], berlin["hosts"], berlin["open"], berlin["usualIntervalDays"]) == ("active", 2, 2, 7)
    assert (berlin["firstScanDate"], berlin["lastScanDate"]) == ((TODAY - timedelta(14)).isoformat(), TODAY.isoformat())
    assert (rome["state"], rome["bySeverity"]["critical"], rome["usualIntervalDays"]) == ("quiet", 1, 7)
    assert (rome["mergesWith"], berlin["mergesWith"]) == ([berlin["sourceId"]], [rome["sourceId"]])


def test_a_renamed_source_is_found_under_both_labels(upload, overview, client):
    imported = upload("Berlin", [1, 2], 7)
    upload("Rome", [1], 7)
    number = overview()["Berlin"]["sourceId"]
    renamed = client.post(f"/api/sources/{number}/rename", json={"label": "  Head   office "})
    assert (renamed.status_code, renamed.json["source"]) == (200, "Head office")
    assert [alias["source"] for alias in overview()["Head office"]["aliases"]] == ["Berlin"]
    assert client.get(f"/api/imports/{imported['importId']}").json["source"] == "Head office"
    assert {row["source"] for row in client.get(f"/api/vulnerabilities?source={number}").json["data"]} == {
        "Head office"
    }
    for label in ("Berlin", "Head office"):
        again = upload(label, [1, 2])
        assert (again["source"], again["unchanged"], again["inserted"]) == ("Head office", 2, 0)
    assert set(overview()) == {"Head office", "Rome"}
    rome = overview()["Rome"]["sourceId"]
    for label in ("Head office", "Berlin"):
        refused = client.post(f"/api/sources/{rome}/rename", json={"label": label})
        assert (refused.status_code, refused.json["error"]["code"]) == (409, "LABEL_IN_USE")
        assert "Head office" in refused.json["error"]["detail"]
    assert client.post(f"/api/sources/{number}/rename", json={"label": "Berlin"}).json["source"] == "Berlin"
    assert [alias["source"] for alias in overview()["Berlin"]["aliases"]] == ["Head office"]


def test_what_is_no_label_is_refused(upload, client):
    upload("Berlin", [1])
    for label in ["", "   ", "x" * 101, "tab\x07", "turned\u202e", None, 7]:
        refused = client.post("/api/sources/1/rename", json={"label": label})
        assert (refused.status_code, refused.json["error"]["code"]) == (400, "BAD_REQUEST")


def test_a_retired_source_counts_nowhere_until_it_is_active_again(upload, overview, client):
    def counted():
        stats = client.get("/api/vulnerabilities/stats").json
        trend = client.get("/api/trends").json["data"]
        listed = client.get("/api/vulnerabilities?state=open").json["pagination"]["total"]
        host = client.get("/api/hosts/1").json
        assert sum(change["opened"] for change in host["history"]) == host["open"]
        return stats["open"], listed, trend[-1]["total"], host["open"], stats["byState"]["retired"]

    for days in (104, 97, 90):
        upload("Berlin", [1, 2, 3], days)
        upload("Rome", [4], days)
    number = overview()["Berlin"]["sourceId"]
    assert counted() == (4, 4, 4, 1, 0)
    for _ in range(2):
        retired_on = client.post(f"/api/sources/{number}/retire").json["retiredOn"]
        assert retired_on in (TODAY.isoformat(), date.today().isoformat())  # midnight may have passed
    assert counted() == (1, 1, 1, 0, 3)
    assert client.get("/api/vulnerabilities?state=retired").json["pagination"]["total"] == 3
    assert overview()["Berlin"]["state"] == "retired"
    quiet = {source["source"]: source["quiet"] for source in client.get("/api/sources").json["data"]}
    assert quiet == {"Berlin": False, "Rome": True}
    assert client.get("/api/trends").json["data"][0]["total"] == 4
    assert client.post(f"/api/sources/{number}/activate").json["retiredOn"] is None
    assert counted() == (4, 4, 4, 1, 0)


def test_an_import_makes_a_retired_source_active_and_its_undo_retires_it(upload, overview, client):
    upload("Berlin", [1, 2, 3], 7)
    number = overview()["Berlin"]["sourceId"]
    client.post(f"/api/sources/{number}/retire")
    back = upload("Berlin", [1, 2])
    assert any("retired on" in warning for warning in back["warnings"])
    assert (back["unchanged"], back["resolved"]) == (2, 1)
    assert (overview()["Berlin"]["state"], overview()["Berlin"]["open"]) == ("active", 2)
    assert client.get("/api/vulnerabilities?state=open").json["pagination"]["total"] == 2
    assert client.post(f"/api/imports/{back['importId']}/undo").status_code == 200
    assert (overview()["Berlin"]["state"], overview()["Berlin"]["open"]) == ("retired", 3)
    assert client.get("/api/vulnerabilities?state=open").json["pagination"]["total"] == 0


def test_sources_are_merged_as_announced(upload, overview, client):
    upload("Berlin", [1, 2, 3], 14)
    before = upload("Rome", [3, 4], 7)
    berlin, rome = (overview()[label]["sourceId"] for label in ("Berlin", "Rome"))
    figures = client.get(f"/api/sources/{berlin}/merge?into={rome}").json
    assert (figures["hosts"], figures["joinedHosts"], figures["joinedFindings"]) == (3, 1, 1)
    assert (figures["openBefore"], figures["openAfter"]) == (5, 4)
    refused = client.post(f"/api/sources/{berlin}/merge", json={"into": rome})
    assert (refused.status_code, "MERGE" in refused.json["error"]["detail"]) == (400, True)
    agreed = {"into": rome, "confirm": "MERGE", "sessionId": "merge_berlin"}
    merged = client.post(f"/api/sources/{berlin}/merge", json=agreed)
    assert (merged.status_code, merged.json["source"]) == (200, "Rome")
    assert {name: merged.json[name] for name in figures} == figures
    told = client.get("/api/progress/merge_berlin").json
    assert (told["status"], told["metadata"]["operation"], told["metadata"]["filename"]) == (
        "completed",
        "merge",
        "Berlin",
    )
    assert (overview()["Rome"]["open"], list(overview())) == (4, ["Rome"])
    assert client.get("/api/vulnerabilities?state=open").json["pagination"]["total"] == 4
    undone = client.post(f"/api/imports/{before['importId']}/undo")
    assert (undone.status_code, undone.json["error"]["code"]) == (409, "NOT_LATEST")
    assert client.post(f"/api/sources/{berlin}/merge", json={"into": rome, "confirm": "MERGE"}).status_code == 404


def test_forecasts_of_merges_are_answered_one_after_the_other(upload, overview, app):
    upload("Berlin", [1, 2], 7)
    upload("Rome", [2], 7)
    berlin, rome = (overview()[label]["sourceId"] for label in ("Berlin", "Rome"))

    def ask(_):
        return app.test_client().get(f"/api/sources/{berlin}/merge?into={rome}").status_code

    with ThreadPoolExecutor(3) as threads:
        assert list(threads.map(ask, range(3))) == [200, 200, 200]


def test_another_source_is_looked_for_under_its_former_labels(upload, overview, client, query):
    """Where an import that asks is answered with a label."""
    upload("Berlin", [1], 7)
    client.post(f"/api/sources/{overview()['Berlin']['sourceId']}/rename", json={"label": "Rome"})
    form = {"csvFile": (io.BytesIO(scan([2])), "scan.csv"), "source": "Paris", "preview": "true"}
    asking = client.post("/api/vulnerabilities/import", data=form).json
    assert asking["state"] == "awaiting-confirmation"
    assert client.post(f"/api/imports/{asking['importId']}/confirm", json={"source": "Berlin"}).status_code == 200
    of_import = "SELECT s.label FROM imports i JOIN sources s ON s.id = i.source_id WHERE i.id = ?"
    assert query(of_import, asking["importId"]) == [("Rome",)]


def test_the_commands_list_rename_retire_and_merge(upload, overview, app):
    upload("Berlin", [1, 2], 7)
    upload("Rome", [2], 7)
    berlin, rome = (str(overview()[label]["sourceId"]) for label in ("Berlin", "Rome"))
    run = app.test_cli_runner().invoke

    def ran(*arguments):
        with app.app_context():
            result = run(args=["source", *arguments])
        assert result.exit_code == 0, result.output
        return result.output

    assert "Berlin" in ran("list") and "Tenable Vulnerability Management" in ran("list")
    assert "Paris" in ran("rename", berlin, "Paris")
    assert "retired since" in ran("retire", berlin)
    assert overview()["Paris"]["state"] == "retired"
    assert "active" in ran("retire", berlin, "--activate")
    assert "1 of 2 hosts" in ran("merge", berlin, rome, "--yes")
    assert list(overview()) == ["Rome"]
    with app.app_context():
        assert "UNKNOWN_SOURCE" in run(args=["source", "rename", "999", "x"]).output
