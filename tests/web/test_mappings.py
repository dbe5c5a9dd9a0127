"""A file that no format knows: its columns, a saved mapping, and the import tried again."""

from __future__ import annotations

import io
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy.orm import Session

from hextrackr.domain.models import SavedMapping
from hextrackr.extensions import db
from tests.support.sql import LAST_SEEN

FILE = b"Machine;Problem;How bad;Notes\nweb1;Old TLS;High;<b>x\nweb2;Old TLS;Low;y\n"
FIELDS = {"host": "Machine", "title": "Problem", "severity": "How bad"}


@pytest.fixture
def upload(working, client):
    def run(content=FILE, **fields):
        form = {"csvFile": (io.BytesIO(content), "ours.csv"), **fields}
        return client.post("/api/vulnerabilities/import", data=form)

    return run


@pytest.fixture
def save(client):
    def run(**changes):
        body = {"name": "Ours", "importId": 1, "fields": FIELDS, "severityScale": "words", **changes}
        return client.post("/api/mappings", json=body)

    return run


def test_from_an_unknown_file_to_its_findings(upload, client, save, query):
    failed = upload(source="Berlin")
    assert (failed.status_code, failed.json["error"]["code"]) == (422, "UNKNOWN_FORMAT")
    assert failed.json["retryable"] is True

    told = client.get("/api/imports/1/columns").json
    assert told["header"] == ["Machine", "Problem", "How bad", "Notes"]
    assert told["rows"] == [["web1", "Old TLS", "High", "<b>x"], ["web2", "Old TLS", "Low", "y"]]
    assert told["guess"]["host"] == "Machine"
    assert told["essential"]["the severity"] == ["severity"]

    saved = save()
    assert (saved.status_code, saved.json["name"]) == (201, "Ours")
    again = client.post("/api/imports/1/retry")
    assert again.status_code == 202
    deadline = time.monotonic() + 20
    while (done := client.get(f"/api/imports/{again.json['importId']}").json)["state"] != "completed":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert (done["inserted"], done["scannerName"], done["source"]) == (2, "Ours", "Berlin")
    assert client.get("/api/imports/1").json["retryable"] is False
    assert client.post("/api/imports/1/retry").json["error"]["code"] == "NOT_RETRYABLE"

    assert upload().json["unchanged"] == 0  # another source, recognised without being asked
    assert query("SELECT count(*) FROM findings") == [(4,)]


def test_a_mapping_is_listed_and_deleted(upload, client, save):
    upload()
    save()
    [listed] = client.get("/api/mappings").json["data"]
    assert (listed["name"], listed["fields"], listed["dayFirst"]) == ("Ours", FIELDS, False)
    assert client.delete(f"/api/mappings/{listed['id']}").status_code == 204
    assert client.get("/api/mappings").json["data"] == []
    assert client.delete(f"/api/mappings/{listed['id']}").json["error"]["code"] == "UNKNOWN_MAPPING"


def test_what_cannot_be_saved(upload, save, client):
    upload()
    for changes, status, code in [
        ({"name": " "}, 400, "BAD_REQUEST"),
        ({"name": "x" * 101}, 400, "BAD_REQUEST"),
        ({"importId": "1"}, 400, "BAD_REQUEST"),
        ({"importId": True}, 400, "BAD_REQUEST"),
        ({"importId": 9}, 404, "UNKNOWN_IMPORT"),
        ({"fields": []}, 400, "BAD_REQUEST"),
        ({"fields": {"host": 1}}, 400, "BAD_REQUEST"),
        ({"fields": {"host": "Machine"}}, 400, "BAD_REQUEST"),
        ({"severityScale": "stars"}, 400, "BAD_REQUEST"),
    ]:
        answer = save(**changes)
        assert (answer.status_code, answer.json["error"]["code"]) == (status, code)
        assert client.get("/api/mappings").json["data"] == []


def test_a_name_and_the_columns_of_a_file_are_taken_once(upload, save):
    upload()
    save()
    assert save().json["error"]["code"] == "NAME_IN_USE"
    assert save(name="Theirs").json["error"] == {
        "code": "COLUMNS_IN_USE",
        "detail": "The mapping Ours already reads files with these columns.",
    }


VALUES = b"Machine;Problem;How bad;Progress\nweb1;Old TLS;Very bad;Erledigt\nweb2;Old TLS;Very bad;offen\nweb3;Old TLS;Low;\n"
VALUE_FIELDS = {**FIELDS, "state": "Progress"}
MEANINGS = {"severity": {"very bad": "critical"}, "state": {"erledigt": "resolved", "offen": "open"}}


@pytest.fixture
def attempt(client):
    def run(**changes):
        body = {"importId": 1, "fields": VALUE_FIELDS, "severityScale": "words", "meanings": {"state": {}}, **changes}
        answer = client.post("/api/mappings/try", json=body)
        assert answer.status_code == 200, answer.json
        return answer.json

    return run


def test_a_mapping_is_tried_before_it_is_saved(upload, attempt):
    upload(VALUES)
    tried = attempt()
    assert (tried["works"], tried["missing"], tried["wholeFile"], tried["trouble"]) == (True, [], True, "")
    assert tried["counts"] == {"rows": 3, "findings": 1, "merged": 0, "blank": 0, "rejected": 2}
    assert tried["values"]["severity"] == {
        "column": "How bad",
        "more": False,
        "values": [
            {"word": "very bad", "value": "Very bad", "rows": 2, "usual": None, "meaning": None},
            {"word": "low", "value": "Low", "rows": 1, "usual": "low", "meaning": "low"},
        ],
    }
    states = {value["value"]: value["meaning"] for value in tried["values"]["state"]["values"]}
    assert states == {"": "open", "Erledigt": None, "offen": None}
    first, _, third = tried["rows"]
    assert first["cells"] == ["web1", "Old TLS", "Very bad", "Erledigt"]
    assert first["errors"] == [
        {"column": "How bad", "value": "Very bad", "reason": "This scanner does not use this severity."},
        {"column": "Progress", "value": "Erledigt", "reason": "The mapping has no meaning for this state."},
    ]
    assert (third["line"], third["host"], third["title"]) == (4, "web3", "Old TLS")
    assert (third["severity"], third["state"], third["errors"]) == ("low", "open", [])
    assert [(error["column"], error["rows"], error["line"], error["value"]) for error in tried["errors"]] == [
        ("How bad", 2, 2, "Very bad")
    ]

    assert attempt(meanings=MEANINGS)["counts"]["rejected"] == 0
    assert [row["state"] for row in attempt(meanings=MEANINGS)["rows"]] == ["resolved", "open", "open"]
    incomplete = attempt(fields={"severity": "How bad"})
    assert (incomplete["works"], incomplete["missing"]) == (False, ["the host", "the vulnerability"])
    assert len(incomplete["values"]["severity"]["values"]) == 2
    nameless = attempt(fields={"ip": "Problem", "title": "Machine", "severity": "How bad"}, meanings=MEANINGS)
    assert {
        (error["column"], error["reason"]) for error in nameless["errors"]
    } == set()  # a name in the column of addresses counts
    nobody = attempt(fields={"host": "Progress", "title": "Problem", "severity": "How bad"}, meanings=MEANINGS)
    assert ("Progress", "The row names no host.") in {(error["column"], error["reason"]) for error in nobody["errors"]}


def test_only_a_mapping_by_which_something_comes_out_is_saved(upload, save, client):
    upload(VALUES)
    refused = save(fields={"host": "Machine", "title": "Problem", "severity": "Progress"})
    assert (refused.status_code, refused.json["error"]["code"]) == (422, "NOTHING_COMES_OUT")
    assert "on line 2: This scanner does not use this severity" in refused.json["error"]["detail"]
    assert client.get("/api/mappings").json["data"] == []


@pytest.fixture
def mapped(upload, save, client):
    """A source that a mapping has read, with a value that it does not know."""
    upload(VALUES, source="Berlin")
    saved = save(fields=VALUE_FIELDS, meanings={"state": MEANINGS["state"], "severity": {}}).json
    assert upload(VALUES, source="Berlin").json["rejected"] == 2
    return saved


def test_a_mapping_is_changed_when_the_file_is_gone(mapped, upload, client, attempt):
    assert mapped["id"] == client.get("/api/imports/2").json["mappingId"]
    found = client.get("/api/imports/2/columns").json
    assert found["header"] == ["Machine", "Problem", "How bad", "Progress"]
    assert found["rows"][0] == ["web1", "Old TLS", "Very bad", "Erledigt"]
    assert (found["mapping"]["name"], found["mapping"]["fields"]) == ("Ours", VALUE_FIELDS)
    assert client.get(f"/api/mappings/{mapped['id']}/columns").json == found

    tried = attempt(importId=2)
    assert [value["rows"] for value in tried["values"]["severity"]["values"]] == [2, 1]
    body = {"name": "Ours", "fields": VALUE_FIELDS, "severityScale": "words", "meanings": MEANINGS}
    changed = client.put(f"/api/mappings/{mapped['id']}", json=body)
    assert (changed.status_code, changed.json["meanings"]) == (200, MEANINGS)
    assert upload(VALUES, source="Berlin").json["rejected"] == 0
    assert client.put("/api/mappings/9", json=body).status_code == 404


def test_values_that_an_import_has_refused_are_offered(mapped, upload, attempt):
    rows = b"".join(b"web%d;Old TLS;Awful;offen\n" % number for number in range(20))
    refused = upload(VALUES + rows, source="Berlin").json
    found = attempt(importId=refused["importId"])["values"]["severity"]["values"]
    assert ("awful", 20) in {(value["word"], value["rows"]) for value in found}


def test_the_name_of_a_mapping_is_that_of_the_scanner_everywhere(mapped, upload, client, save):
    def names():
        sources = client.get("/api/sources").json["data"]
        findings = client.get("/api/vulnerabilities").json["data"]
        groups = [
            client.get(f"/api/vulnerabilities/groups?by={by}").json["data"] for by in ("host", "source", "definition")
        ]
        host = client.get(f"/api/hosts/{findings[0]['hostId']}").json
        definition = client.get(f"/api/definitions/{findings[0]['definitionId']}").json
        imports = client.get("/api/imports").json["data"][:1]
        found = [*sources, *findings, *(group for page in groups for group in page), host, definition, *imports]
        exported = {line.split(",")[-2] for line in client.get("/api/vulnerabilities/export.csv").text.splitlines()[1:]}
        return {row["scannerName"] for row in found} | exported | {imports[0]["vendor"]}

    assert names() == {"Ours"}
    body = {"name": "Acme", "fields": VALUE_FIELDS, "severityScale": "words", "meanings": MEANINGS}
    assert client.put(f"/api/mappings/{mapped['id']}", json=body).json["name"] == "Acme"
    assert names() == {"Acme"}
    assert client.delete(f"/api/mappings/{mapped['id']}").status_code == 204
    assert names() == {"Acme"}
    assert client.get("/api/imports/2").json["mappingId"] is None

    upload(VALUES)
    assert save(name="Acme", importId=3, fields=VALUE_FIELDS, meanings=MEANINGS).json["id"] == mapped["id"]
    again = upload(VALUES, source="Berlin").json
    assert (again["scannerName"], again["unchanged"], again["inserted"]) == ("Acme", 1, 2)
    [listed] = client.get("/api/mappings").json["data"]
    assert (listed["columns"], listed["imports"], listed["lastImportId"]) == (4, 2, again["importId"])


def test_a_mapping_that_is_older_than_samples_can_be_changed(app, upload, client):
    with app.app_context(), Session(db.engine) as session, session.begin():
        session.add(
            SavedMapping(
                name="Ours",
                header=["how bad", "machine", "notes", "problem"],
                fields=FIELDS,
                severity_scale="words",
                day_first=False,
                created_at=1,
            )  # fmt: skip
        )
    found = client.get("/api/mappings/1/columns").json
    assert (found["header"], found["rows"]) == (["How bad", "Machine", "notes", "Problem"], [])
    body = {"name": "Theirs", "fields": {**FIELDS, "finding_detail": ["notes"]}, "severityScale": "words"}
    assert client.put("/api/mappings/1", json=body).status_code == 200
    assert upload().json["scannerName"] == "Theirs"


def test_a_body_that_is_no_object(client):
    for body in (b"", b"[]", b"{", b"1"):
        answer = client.post("/api/mappings", data=body, content_type="application/json")
        assert (answer.status_code, answer.json["error"]["code"]) == (400, "BAD_REQUEST")


def test_the_columns_of_what_is_gone(upload, client):
    upload(b"%PDF-1.4")
    assert client.get("/api/imports/1/columns").json["error"]["code"] == "NOT_RETRYABLE"
    assert client.get("/api/imports/2/columns").status_code == 404


@pytest.mark.parametrize(("order", "day"), [("day-first", "2026-04-03"), ("month-first", "2026-03-04")])
def test_the_user_says_how_dates_are_written(upload, query, order, day):
    content = b"hostname,severity,plugin_name,last_seen\nweb1,High,Old TLS,03/04/2026\n"
    assert upload(content, dateOrder=order).json["warnings"] == []
    assert query(f"SELECT {LAST_SEEN} FROM findings f") == [(day,)]
    assert upload(content, dateOrder="sideways").status_code == 400


def test_of_many_who_save_one_name_at_once_one_does(upload, app):
    upload()
    body = {"name": "Ours", "importId": 1, "fields": FIELDS, "severityScale": "words"}
    with ThreadPoolExecutor(6) as pool:
        answers = pool.map(lambda _: app.test_client().post("/api/mappings", json=body).status_code, range(12))
    assert sorted(answers) == [201] + [409] * 11
