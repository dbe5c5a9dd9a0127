"""The API over what was imported, with the importer process at work."""

from __future__ import annotations

import io
import time
from datetime import date

import pytest
from sqlalchemy import update

from hextrackr.domain.models import Import, ImportMode
from tests.support.exports import export, row, scan
from tests.support.importer import importer
from tests.support.reference_model import Row
from tests.support.staging import promote

IMPORT = "/api/vulnerabilities/import"


@pytest.fixture
def upload(working, client):
    """Upload a file and wait for its end."""

    def run(content, filename="scan.csv", **fields):
        return client.post(IMPORT, data={"csvFile": (io.BytesIO(content), filename), **fields})

    return run


@pytest.fixture
def imported(engine, config, tmp_path):
    """Four findings on two hosts, of three severities, one of them resolved; imported here, as nothing else is to be at work."""
    rows = [
        row(host="a", asset_name="alpha", plugin="1", title="Log4j (100% sure)", severity="Critical", cve="CVE-2021-44228"),
        row(host="a", asset_name="alpha", plugin="2", title="OpenSSL_old", severity="Low", vpr="3.1"),
        row(host="b", asset_name="beta", asset_display_ipv4_address="10.9.9.9", plugin="2", title="OpenSSL_old",
            severity="Low", vpr="3.1"),
        row(host="b", asset_name="beta", plugin="3", title="Gone", severity="Info", state="FIXED"),
    ]  # fmt: skip
    assert importer(engine, config.database_url, tmp_path)(export(rows)).state == "completed"


def test_the_same_file_again_is_known_and_changes_nothing(upload, client, query):
    first = upload(scan([1, 2])).json
    before = query("SELECT * FROM findings")
    again = upload(scan([1, 2])).json
    assert (again["success"], again["unchanged"], again["rowsRead"], again["summary"]["repeats"]) == (
        True,
        2,
        2,
        first["importId"],
    )
    assert again["warnings"] == [
        f"The file is the same as that of import {first['importId']}, so it was not read again."
    ]
    assert query("SELECT * FROM findings") == before
    snapshot = client.get(f"/api/progress/{again['sessionId']}").json
    assert (snapshot["progress"], snapshot["metadata"]["unchanged"]) == (100, 2)
    assert snapshot["message"] == "Import complete. The file is the same as that of import 1: 2 findings are unchanged."


def test_an_import_answers_when_it_is_done(upload):
    answer = upload(scan([1, 2]), scanDate="2026-08-05", source="Berlin")
    assert answer.status_code == 200
    told = answer.json
    assert told["success"] is True
    assert (told["state"], told["scanner"], told["source"], told["scanDate"]) == (
        "completed",
        "tenable-vm",
        "Berlin",
        "2026-08-05",
    )
    assert (told["rowsRead"], told["inserted"], told["error"]) == (2, 2, None)
    assert told["duration"] >= 0


REFUSED = [
    (b"", "UNREADABLE_CSV"),
    (b"\x89PNG\r\n\x1a\n" + bytes(100), "UNREADABLE_CSV"),
    (b"<!doctype html><title>Log in</title>", "UNREADABLE_CSV"),
    (b'{"findings": []}', "UNREADABLE_CSV"),
    (b"name,price,quantity\na,1,2\n", "UNKNOWN_FORMAT"),
    (b"asset.id,definition.id,port\na,1,2\n", "MISSING_COLUMNS"),
]


def test_what_is_not_understood_is_refused_in_one_sentence_and_changes_nothing(upload, query):
    upload(scan([1, 2]))
    before = query("SELECT * FROM findings")
    for content, code in REFUSED:
        answer = upload(content)
        assert (answer.status_code, answer.json["error"]["code"]) == (422, code)
        assert answer.json["error"]["detail"].endswith(".")
        assert answer.json["state"] == "failed"
    assert query("SELECT * FROM findings") == before


def test_a_header_without_rows_is_an_empty_scan_that_resolves_nothing(upload, query):
    upload(scan([1, 2]))
    answer = upload(export([]))
    assert answer.status_code == 200
    assert (answer.json["rowsRead"], answer.json["resolved"]) == (0, 0)
    assert "no finding" in answer.json["warnings"][0]
    assert query("SELECT DISTINCT lifecycle FROM findings") == [("active",)]


def test_imports_are_listed_the_newest_first(upload, client):
    for name in ("one.csv", "two.csv", "three.csv"):
        upload(scan([1]), filename=name)
    page = client.get("/api/imports?limit=2").json
    assert [entry["filename"] for entry in page["data"]] == ["three.csv", "two.csv"]
    assert page["pagination"] == {"page": 1, "limit": 2, "total": 3, "pages": 2}
    assert client.get("/api/imports/1").json["filename"] == "one.csv"


def test_rejects_come_as_csv_that_no_spreadsheet_runs(upload, client):
    upload(export([row(), row(severity='=HYPERLINK("http://evil")'), row(port="-1")]))
    answer = client.get("/api/imports/1/rejects.csv")
    assert answer.mimetype == "text/csv"
    assert "attachment" in answer.headers["Content-Disposition"]
    lines = answer.text.splitlines()
    assert lines[0] == "line,column,value,reason"
    assert lines[1].startswith("3,severity,\"'=HYPERLINK(")
    assert lines[2].startswith("4,port,'-1,")


def test_a_finished_import_answers_its_progress_from_the_row(upload, client, app):
    told = upload(scan([1])).json
    app.extensions["progress_tracker"]._store.drop(told["sessionId"])
    snapshot = client.get(f"/api/progress/{told['sessionId']}").json
    assert (snapshot["status"], snapshot["progress"], snapshot["metadata"]["inserted"]) == ("completed", 100.0, 1)
    assert snapshot["metadata"]["duration"] == snapshot["duration"]


def test_errors_are_json_with_their_status(client):
    for path, status, code in [
        ("/api/progress/no-good", 400, "INVALID_SESSION_ID"),
        ("/api/progress/6f1c2a34-1111-4222-8333-444455556666", 404, "UNKNOWN_SESSION"),
        ("/api/imports/99", 404, "UNKNOWN_IMPORT"),
        ("/api/imports/99/rejects.csv", 404, "UNKNOWN_IMPORT"),
        ("/api/imports?page=0", 400, "BAD_REQUEST"),
        ("/api/imports?limit=1000000", 400, "BAD_REQUEST"),
        ("/api/imports?limit=ten", 400, "BAD_REQUEST"),
        ("/api/vulnerabilities?severity=terrible", 400, "BAD_REQUEST"),
        ("/api/vulnerabilities?state=maybe", 400, "BAD_REQUEST"),
        ("/api/vulnerabilities?sort=id;drop", 400, "BAD_REQUEST"),
        ("/api/nothing", 404, "NOT_FOUND"),
    ]:
        answer = client.get(path)
        assert (answer.status_code, answer.json["error"]["code"]) == (status, code)
        assert answer.json["error"]["detail"]


def test_a_wrong_method_is_405(client):
    assert client.get(IMPORT).status_code == 405
    assert client.get(IMPORT).json["error"]["code"] == "METHOD_NOT_ALLOWED"


def test_a_finding_has_its_documented_fields(imported, client):
    [finding] = client.get("/api/vulnerabilities?severity=critical").json["data"]
    assert all(finding.pop(name) > 0 for name in ("id", "hostId", "definitionId", "sourceId"))
    assert finding == {
        "severity": "critical", "state": "active", "host": "alpha", "fqdn": None, "ip": "10.0.0.1", "pluginId": "1",
        "title": "Log4j (100% sure)", "family": None, "cves": ["CVE-2021-44228"], "cvesTotal": 1, "port": 443, "protocol": "tcp",
        "os": None, "vpr": None, "cvss": None, "epss": None, "published": None, "updated": None, "firstSeen": "2026-07-01",
        "lastSeen": "2026-08-01",
        "resolvedOn": None, "scanner": "tenable-vm", "scannerName": "Tenable Vulnerability Management",
            "checkName": "Plugin 1", "source": "",
    }  # fmt: skip


def test_a_list_is_filtered_searched_and_ordered(imported, client):
    expected = {
        "": ["Log4j (100% sure)", "OpenSSL_old", "OpenSSL_old", "Gone"],
        "severity=low&search=beta&state=active": ["OpenSSL_old"],
        "search=100%25": ["Log4j (100% sure)"],
        "search='; DROP TABLE findings; --": [],
        "order=asc": ["Gone", "OpenSSL_old", "OpenSSL_old", "Log4j (100% sure)"],
    }
    pages = {query: client.get(f"/api/vulnerabilities?{query}").json for query in expected}
    assert {query: [finding["title"] for finding in page["data"]] for query, page in pages.items()} == expected
    assert all(page["pagination"]["total"] == len(page["data"]) for page in pages.values())


def test_pages_are_disjoint_and_complete(imported, client):
    pages = [client.get(f"/api/vulnerabilities?limit=3&page={page}").json for page in (1, 2, 3)]
    assert [len(page["data"]) for page in pages] == [3, 1, 0]
    assert len({finding["id"] for page in pages for finding in page["data"]}) == 4
    following = pages[0]["pagination"].pop("next")
    assert pages[0]["pagination"] == {
        "page": 1, "limit": 3, "total": 4, "totalExact": True, "pages": 2, "numberedPages": 2,
    }  # fmt: skip
    assert client.get(f"/api/vulnerabilities?limit=3&cursor={following}").json["data"] == pages[1]["data"]
    link = client.get("/api/vulnerabilities?limit=3").headers["Link"]
    assert client.get(link[1 : link.index(">")]).json["data"] == pages[1]["data"]
    assert "Link" not in client.get("/api/vulnerabilities?limit=4").headers


def test_an_import_that_asks_is_confirmed_or_cancelled(upload, client):
    upload(scan(range(30)))
    asking = upload(scan([1]))
    assert (asking.status_code, asking.json["state"]) == (202, "awaiting-confirmation")
    assert (asking.json["wouldResolve"], asking.json["openBefore"]) == (29, 30)
    snapshot = client.get(f"/api/progress/{asking.json['sessionId']}").json
    assert (snapshot["status"], snapshot["metadata"]["awaitingConfirmation"]) == ("processing", True)

    assert client.post(f"/api/imports/{asking.json['importId']}/cancel").json["state"] == "cancelled"
    again = upload(scan([1])).json
    assert client.post(f"/api/imports/{again['importId']}/confirm").status_code == 200
    deadline = time.monotonic() + 20
    while client.get(f"/api/imports/{again['importId']}").json["state"] != "completed":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert client.get(f"/api/imports/{again['importId']}").json["resolved"] == 29
    assert client.post(f"/api/imports/{again['importId']}/confirm").json["error"]["code"] == "NOT_AWAITING"
    assert client.post(f"/api/imports/{again['importId']}/cancel").json["error"]["code"] == "ALREADY_FINISHED"


@pytest.fixture
def ended(client):
    """Waits until an import has ended, or asks, and returns it."""

    def wait(import_id):
        deadline = time.monotonic() + 30
        while (record := client.get(f"/api/imports/{import_id}").json)["state"] not in (
            "completed",
            "failed",
            "cancelled",
            "awaiting-confirmation",
        ):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return record

    return wait


def test_an_import_that_asks_says_why_in_sentences(upload, client):
    upload(scan(range(30)))
    asking = upload(scan([1])).json
    reason = asking["guard"][0]
    assert (reason["reason"], reason["resolved"], reason["open"]) == ("share", 29, 30)
    assert reason["sentence"] in asking["message"]
    metadata = client.get(f"/api/progress/{asking['sessionId']}").json["metadata"]
    assert (metadata["guard"], metadata["mode"], metadata["source"]) == (asking["guard"], "full", "")
    client.post(f"/api/imports/{asking['importId']}/cancel")
    preview = upload(scan([1]), preview="true").json
    assert (preview["preview"], preview["guard"]) == (True, asking["guard"])
    client.post(f"/api/imports/{preview['importId']}/cancel")
    harmless = upload(scan(range(29)), preview="true").json
    assert (harmless["preview"], harmless["guard"]) == (True, [])


def test_the_others_are_left_open(upload, client, ended):
    upload(scan(range(30)))
    asking = upload(scan([1, 77])).json
    path = f"/api/imports/{asking['importId']}"
    assert client.post(f"{path}/confirm", json={"mode": "delta"}).json["mode"] == "delta"
    done = ended(asking["importId"])
    assert (done["state"], done["resolved"], done["inserted"], done["unchanged"]) == ("completed", 0, 1, 1)
    metadata = client.get(f"/api/progress/{asking['sessionId']}").json["metadata"]
    assert (metadata["resolved"], metadata.get("guard", [])) == (0, [])
    assert client.post(f"{path}/undo").status_code == 200
    assert client.get("/api/vulnerabilities/stats").json["open"] == 30
    assert (
        ended(upload(scan([1])).json["importId"])["state"] == "awaiting-confirmation"
    )  # it was said of that import only


def test_what_belongs_to_another_source_goes_there_and_nothing_is_read_again(upload, client, ended, query):
    upload(scan(range(30)))
    asking = upload(scan([1])).json
    path = f"/api/imports/{asking['importId']}"
    answer = client.post(f"{path}/confirm", json={"source": "  Rome  "}).json
    assert answer["source"] == "Rome"
    done = ended(asking["importId"])
    assert (done["state"], done["inserted"], done["resolved"], done["source"]) == ("completed", 1, 0, "Rome")
    labels = "SELECT s.label, count(*) FROM findings f JOIN sources s ON s.id = f.source_id WHERE lifecycle = 'active' GROUP BY 1"
    assert sorted(query(labels)) == [("", 30), ("Rome", 1)]
    assert client.post(f"{path}/undo").status_code == 200
    assert query(labels) == [("", 30)]


def test_a_source_that_has_findings_is_asked_about_anew(upload, client, ended):
    upload(scan(range(30)))
    upload(scan(range(40)), source="Rome")
    asking = upload(scan([1]), preview="true").json
    path = f"/api/imports/{asking['importId']}"
    assert client.post(f"{path}/confirm", json={"source": "Rome"}).status_code == 200
    again = ended(asking["importId"])
    assert (again["state"], again["wouldResolve"], again["openBefore"], again["source"]) == (
        "awaiting-confirmation",
        39,
        40,
        "Rome",
    )
    assert again["guard"][0]["open"] == 40
    snapshot = client.get(f"/api/progress/{asking['sessionId']}").json
    assert (snapshot["metadata"]["awaitingConfirmation"], snapshot["metadata"]["wouldResolve"]) == (True, 39)
    client.post(f"{path}/confirm")
    assert ended(asking["importId"])["resolved"] == 39
    assert client.get("/api/vulnerabilities/stats").json["open"] == 31


NO_ANSWERS = [
    ({"source": "Rome", "mode": "delta"}, "either source or mode"),
    ({"source": "Berlin"}, "already the source of the import"),
    ({"source": " "}, "1 to 100"),
    ({"source": "x" * 101}, "1 to 100"),
    ({"source": 7}, "1 to 100"),
    ({"source": None}, "1 to 100"),
    ({"mode": "full"}, "must be delta"),
    ({"mode": None}, "must be delta"),
    ({"sauce": "Rome"}, "Unknown key 'sauce'"),
    (["delta"], "JSON object"),
    ("null", "JSON object"),
    ("{", "not valid JSON"),
]


def test_what_is_no_answer_is_refused_and_the_question_stays(upload, client):
    upload(scan(range(30)), source="Berlin")
    asking = upload(scan([1]), source="Berlin").json
    path = f"/api/imports/{asking['importId']}"
    for body, why in NO_ANSWERS:
        given = {"data": body, "content_type": "application/json"} if isinstance(body, str) else {"json": body}
        refused = client.post(f"{path}/confirm", **given)
        assert (refused.status_code, refused.json["error"]["code"]) == (400, "BAD_REQUEST")
        assert why in refused.json["error"]["detail"]
    assert client.get(path).json["state"] == "awaiting-confirmation"
    assert client.post(f"{path}/confirm", json={}).json["state"] != "awaiting-confirmation"


def test_rejected_rows_are_told_with_the_end(upload, client):
    rows = [row(host=f"host-{number}", severity="Superbad" if number > 1 else "Low") for number in range(4)]
    done = upload(export(rows)).json
    assert (done["state"], done["rejected"]) == ("completed", 2)
    assert done["message"] == (
        "Import completed with 2 rejected rows: 2 new, 0 updated, 0 reopened, 0 resolved, 0 unchanged."
    )
    snapshot = client.get(f"/api/progress/{done['sessionId']}").json
    assert (snapshot["status"], snapshot["message"]) == ("completed", done["message"])
    [listed] = client.get("/api/imports").json["data"]
    assert listed["message"] == done["message"]


def test_findings_that_nobody_could_check_are_told(upload, client, engine):
    done = upload(scan([1])).json
    with engine.begin() as connection:
        values = {"rejected": 1, "summary": {**done["summary"], "unchecked": 3}}
        connection.execute(update(Import).values(values))
    told = client.get(f"/api/imports/{done['importId']}").json["message"]
    assert told.startswith("Import completed with 1 rejected row: 1 new")
    assert told.endswith("3 open findings were left open: the rows about them could not be read or gave no verdict.")


def test_scripts_said_yes_beforehand(upload):
    upload(scan(range(30)))
    assert upload(scan([1]), confirm="true").json["resolved"] == 29


def test_cors_allows_the_list_and_nobody_else(client):
    def allowed(origin):
        return client.get("/api/imports", headers={"Origin": origin}).headers.get("Access-Control-Allow-Origin")

    assert allowed("http://localhost:8080") == "http://localhost:8080"
    assert allowed("http://evil.example") is None


def test_a_cve_is_not_among_the_worst_for_what_another_source_says_of_it(client, engine):
    scans = {
        "a": {("host", "plugin-1", 0): Row(0, 1, 1.0), ("host", "plugin-2", 0): Row(3, 1, 1.0)},
        "b": {("host", "plugin-1", 0): Row(4, 1, 1.0), ("host-2", "plugin-1", 0): Row(0, 1, 1.0)},
    }
    for source, rows in scans.items():
        promote(engine, source, date(2026, 8, 1), ImportMode.FULL, rows)
    worst, other = client.get("/api/vulnerabilities/groups?by=cve&state=open&source=1").json["data"]
    assert (worst["bySeverity"]["high"], other["bySeverity"]["info"]) == (1, 1)
    assert client.get("/api/vulnerabilities/groups?by=cve&state=open&source=1&limit=1").json["data"] == [worst]


def test_what_does_not_exist(client):
    for path, code in {
        "hosts/1": "UNKNOWN_HOST",
        "definitions/1": "UNKNOWN_DEFINITION",
        "cves/CVE-1": "UNKNOWN_CVE",
    }.items():
        answer = client.get(f"/api/{path}")
        assert (answer.status_code, answer.json["error"]["code"]) == (404, code)
    assert client.get("/api/vulnerabilities/groups?by=port").status_code == 400
    assert client.get("/api/vulnerabilities/groups?sort=title").status_code == 400
    assert client.get("/api/trends?from=yesterday").status_code == 400


def test_each_table_over_time_is_a_file_as_well(imported, client):
    lines = {
        table: client.get(f"/api/trends{table}.csv").text.splitlines() for table in ("", "/weeks", "/ages", "/resolved")
    }
    assert lines[""] == [
        "day,open.critical,open.high,open.medium,open.low,open.info,total,vprSum,opened,resolved,reopened",
        "2026-08-01,1,0,0,2,0,3,6.2,4,0,0",
    ]
    assert lines["/weeks"][0] == "week,scans,opened,firstScans,reopened,resolved"
    assert [len(some) for some in lines.values()] == [2, 2, 2, 2]


def test_an_empty_record_has_figures_too(client):
    stats = client.get("/api/vulnerabilities/stats").json
    assert (stats["open"], stats["lastScans"]["to"], stats["lastScans"]["importIds"]) == (0, None, [])
    assert (stats["total"], stats["vprSum"], stats["lastImport"]) == (0, 0, None)
    assert client.get("/api/trends").json["data"] == []
    assert [client.get(f"/api/trends/{table}").json["data"] for table in ("weeks", "ages", "resolved")] == [[], [], []]
    assert client.get("/api/changes").json["lastScan"] is None
    assert client.get("/api/response-times").json["overdue"]["findings"] == 0
    assert client.get("/api/sources").json == {"data": []}
    assert client.get("/api/vulnerabilities/groups").json["pagination"]["total"] == 0
