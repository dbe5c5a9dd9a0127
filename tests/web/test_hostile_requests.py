"""Requests that no client of ours sends: each is answered with a 4xx and a sentence, and none with a traceback."""

from __future__ import annotations

import io
import json
import uuid
from itertools import cycle, product

import pytest

HUGE = [str(2**63 - 1), str(2**63), str(2**64), "9" * 100, "9" * 5_000, "-1", "1e5", "0x10", "٣", "1_0"]
ZEROS = "0" * 5_000 + "1"
SURROGATES = "%ED%A0%80"
#: Parameters that are numbers, on the list and beside it.
NUMBERS = [
    "definition", "host", "source", "changedBy", "importedAfter", "days", "port", "ageMin", "ageMax", "page", "limit",
]  # fmt: skip
TEXTS = ["search", "host", "cve", "family", "protocol", "severity", "state", "sort", "order", "change", "newSince",
         "firstSeenFrom", "lastSeenTo", "vprMin", "cvssMax", "epssMin", "source", "changedBy", "page", "by", "sessionId"]  # fmt: skip
LISTS = [
    "/api/vulnerabilities",
    "/api/vulnerabilities/groups",
    "/api/vulnerabilities/export.csv",
    "/api/trends",
    "/api/imports",
    "/api/changes",
    "/api/trends/ages",
]


@pytest.fixture
def quiet(client, caplog):
    """The client; nothing may have been logged as an error."""
    client.application.config["PROPAGATE_EXCEPTIONS"] = False
    client.application.testing = False
    yield client
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


def check(answer, *allowed):
    assert answer.status_code in allowed, answer.data[:500]
    if answer.status_code >= 400 and answer.is_json:
        assert answer.json["error"]["code"] != "INTERNAL"
        assert answer.json["error"]["detail"]


def test_numbers_in_a_path(quiet):
    for path in ("/api/imports/{}", "/api/vulnerabilities/{}", "/api/hosts/{}", "/api/definitions/{}", "/hosts/{}",
                 "/api/imports/{}/rejects.csv", "/api/imports/{}/columns", "/imports/{}"):  # fmt: skip
        for number in (*HUGE, ZEROS):
            check(quiet.get(path.format(number)), 404, 414)
            check(quiet.post(path.format(number) + "/cancel"), 404, 405, 414)


def test_numbers_in_a_query(quiet):
    for (name, number), path in zip(product(NUMBERS, [*HUGE, ZEROS]), cycle(LISTS)):
        check(quiet.get(path, query_string={name: number}), 200, 400)


ODD = [
    "%00", SURROGATES, "%F0%9F%98", "%E2%80%AE", "a%00b", "%25" * 1_000, "_" * 5_000, "," * 50_000, "1," * 30_000, "nan", "inf", "-inf",
    "1e400", "0001-01-01", "9999-12-31", "2026-W01-1", "20260801", "%25a" * 60,
]  # fmt: skip


def test_texts_in_a_query(quiet):
    for (name, value), path in zip(product(TEXTS, ODD), cycle(LISTS)):
        check(quiet.get(f"{path}?{name}={value}"), 200, 400)


def test_texts_and_lists_of_a_query_are_bounded(quiet):
    for path in LISTS[:4]:
        for name, value in (("search", "a" * 201), ("source", "1," * 500), ("severity", "low," * 500)):
            if path == "/api/trends" and name == "search":
                continue
            answer = quiet.get(path, query_string={name: value})
            if answer.status_code == 200:
                assert path == "/api/trends"
                continue
            check(answer, 400)
            assert name in answer.json["error"]["detail"]
    check(quiet.get(LISTS[0], query_string={"search": "a" * 200, "severity": "low," * 400}), 200)


BODIES = [
    b"[" * 60_000, b'{"a":' * 10_000, b'"\\ud800"', b'{"confirm": "\\ud800"}', b'{"sessionId": "\\ud800", "confirm": "DELETE"}',
    b'{"sessionId": {"a": 1}, "confirm": "DELETE"}', b'{"name": "\\ud800\\u0000", "importId": 1}', b'{"importId": 9223372036854775808}',
    b'{"name": "a", "importId": 9223372036854775808, "fields": {}}', b'{"name": "a", "importId": -1}',
    b'{"name": "a", "importId": 1e400}', b"1" * 5_000, b'{"importId": ' + b"1" * 5_000 + b"}", b"\xff\xfe", b"", b"null", b"NaN",
    b'{"name": "a", "importId": 1, "fields": {"\\ud800": "\\udfff"}}',
]  # fmt: skip
POSTS = ["/api/mappings", "/api/clear", "/api/backups", "/api/backups/x.sqlite3/restore", "/api/imports/1/confirm", "/api/imports/1/retry",
         "/api/imports/1/undo", "/api/vulnerabilities/import-staging"]  # fmt: skip


def test_bodies(quiet):
    for path in POSTS:
        for body in BODIES:
            if path == "/api/backups" and not body.startswith((b"[", b'{"a"')):
                continue  # any other body begins a backup
            answer = quiet.post(path, data=body, content_type="application/json")
            check(answer, 400, 404, 409, 413, 422, 501)


def test_texts_in_a_path(quiet):
    for path in ("/cves/%ED%A0%80", "/api/cves/%ED%A0%80", "/api/cves/a%00b", "/cves/" + "A" * 5_000,
                 "/api/backups/%ED%A0%80.sqlite3", "/api/backups/a%00b.sqlite3", "/api/progress/%ED%A0%80",
                 "/static/%00", "/static/%ED%A0%80", "/%ED%A0%80", "/api/%00"):  # fmt: skip
        check(quiet.get(path), 400, 404, 501)
        check(quiet.delete(path), 400, 404, 405, 501)


MARKS = ["\0", "\u202e", "\u2066", "\u200f", "\x1b", "\u061c", "\ufeff"]


@pytest.mark.parametrize("field", ["source", "vendor"])
def test_labels_with_marks_that_nobody_sees_are_refused(quiet, query, field):
    for mark in MARKS:
        form = {field: f"DMZ{mark}gpj.exe", "csvFile": (io.BytesIO(b"a,b\n1,2\n"), "scan.csv")}
        answer = quiet.post("/api/vulnerabilities/import-staging", data=form)
        check(answer, 400)
        assert field in answer.json["error"]["detail"]
    assert query("SELECT count(*) FROM imports") == [(0,)]


def test_other_fields(quiet):
    for field in ["scanDate", "mode", "sessionId", "dateOrder", "confirm", "preview"]:
        for value in ("\0", "\u202e", "9" * 100_000, "0" * 50_000):
            form = {"csvFile": (io.BytesIO(b"a,b\n1,2\n"), "scan.csv"), field: value}
            check(quiet.post("/api/vulnerabilities/import-staging", data=form), 202, 400)


def test_data_is_kept_by_no_cache_and_files_of_the_pages_are(client):
    for path in ("/", "/imports", "/vulnerabilities", "/data", "/api/imports", "/api/vulnerabilities", "/api/vulnerabilities/stats",
                 "/api/vulnerabilities/export.csv", "/api/vulnerabilities/export.json", "/api/imports/1", "/api/sources", "/api/trends",
                 "/api/backups", "/api/mappings", f"/api/progress/{uuid.uuid4()}", "/health", "/ready", "/nothing"):  # fmt: skip
        assert client.get(path).headers["Cache-Control"] == "no-store", path
    assert client.post("/api/clear").headers["Cache-Control"] == "no-store"
    with client.get("/static/styles/base.css") as answer:
        assert "no-store" not in answer.headers["Cache-Control"]


def test_json_is_what_it_says(client):
    """A lone surrogate that is on record all the same can be answered."""
    with client.application.app_context():
        assert json.loads(client.application.json.dumps({"a": "\ud800"})) == {"a": "\ud800"}
