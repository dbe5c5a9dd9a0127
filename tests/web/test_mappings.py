"""A file that no format knows: its columns, a saved mapping, and the import tried again."""

from __future__ import annotations

import io
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

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


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"name": " "}, 400, "BAD_REQUEST"),
        ({"name": "x" * 101}, 400, "BAD_REQUEST"),
        ({"importId": "1"}, 400, "BAD_REQUEST"),
        ({"importId": True}, 400, "BAD_REQUEST"),
        ({"importId": 9}, 404, "UNKNOWN_IMPORT"),
        ({"fields": []}, 400, "BAD_REQUEST"),
        ({"fields": {"host": 1}}, 400, "BAD_REQUEST"),
        ({"fields": {"host": "Machine"}}, 400, "BAD_REQUEST"),
        ({"severityScale": "stars"}, 400, "BAD_REQUEST"),
    ],
)
def test_what_cannot_be_saved(upload, save, client, changes, status, code):
    upload()
    answer = save(**changes)
    assert (answer.status_code, answer.json["error"]["code"]) == (status, code)
    assert client.get("/api/mappings").json["data"] == []


def test_a_name_is_given_once(upload, save):
    upload()
    save()
    assert save().json["error"]["code"] == "NAME_IN_USE"


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
