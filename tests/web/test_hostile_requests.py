"""Requests that no client of ours sends: each is answered with a 4xx and a sentence, and none with a traceback."""

from __future__ import annotations

import io
import json
import uuid

import pytest

HUGE = [str(2**63 - 1), str(2**63), str(2**64), "9" * 100, "9" * 5_000, "-1", "1e5", "0x10", "٣", "1_0"]
ZEROS = "0" * 5_000 + "1"
SURROGATES = "%ED%A0%80"
#: Parameters that are numbers, on the list and beside it.
NUMBERS = ["definition", "host", "source", "changedBy", "port", "ageMin", "ageMax", "page", "limit"]
TEXTS = ["search", "host", "cve", "family", "protocol", "severity", "state", "sort", "order", "change", "newSince",
         "firstSeenFrom", "lastSeenTo", "vprMin", "cvssMax", "epssMin", "source", "changedBy", "page", "by", "sessionId"]  # fmt: skip
LISTS = [
    "/api/vulnerabilities",
    "/api/vulnerabilities/groups",
    "/api/vulnerabilities/export.csv",
    "/api/trends",
    "/api/imports",
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


@pytest.mark.parametrize("number", [*HUGE, ZEROS])
@pytest.mark.parametrize("path", ["/api/imports/{}", "/api/vulnerabilities/{}", "/api/hosts/{}", "/api/definitions/{}", "/hosts/{}",
                                  "/api/imports/{}/rejects.csv", "/api/imports/{}/columns", "/imports/{}"])  # fmt: skip
def test_numbers_in_a_path(quiet, path, number):
    check(quiet.get(path.format(number)), 404, 414)
    check(quiet.post(path.format(number) + "/cancel"), 404, 405, 414)


@pytest.mark.parametrize("number", [*HUGE, ZEROS])
@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_in_a_query(quiet, name, number):
    for path in LISTS:
        check(quiet.get(path, query_string={name: number}), 200, 400)


@pytest.mark.parametrize("value", ["%00", SURROGATES, "%F0%9F%98", "%E2%80%AE", "a%00b", "%25" * 1_000, "_" * 5_000, "," * 50_000,
                                   "1," * 30_000, "nan", "inf", "-inf", "1e400", "0001-01-01", "9999-12-31", "2026-W01-1", "20260801"])  # fmt: skip
@pytest.mark.parametrize("name", TEXTS)
def test_texts_in_a_query(quiet, name, value):
    for path in LISTS:
        check(quiet.get(f"{path}?{name}={value}"), 200, 400)


BODIES = [
    b"[" * 60_000, b'{"a":' * 10_000, b'"\\ud800"', b'{"confirm": "\\ud800"}', b'{"sessionId": "\\ud800", "confirm": "DELETE"}',
    b'{"sessionId": {"a": 1}, "confirm": "DELETE"}', b'{"name": "\\ud800\\u0000", "importId": 1}', b'{"importId": 9223372036854775808}',
    b'{"name": "a", "importId": 9223372036854775808, "fields": {}}', b'{"name": "a", "importId": -1}',
    b'{"name": "a", "importId": 1e400}', b"1" * 5_000, b'{"importId": ' + b"1" * 5_000 + b"}", b"\xff\xfe", b"", b"null", b"NaN",
    b'{"name": "a", "importId": 1, "fields": {"\\ud800": "\\udfff"}}',
]  # fmt: skip
POSTS = ["/api/mappings", "/api/clear", "/api/backups", "/api/backups/x.sqlite3/restore", "/api/imports/1/confirm", "/api/imports/1/retry",
         "/api/imports/1/undo", "/api/vulnerabilities/import-staging"]  # fmt: skip


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
@pytest.mark.parametrize("path", POSTS)
def test_bodies(quiet, path, body):
    if path == "/api/backups" and not body.startswith((b"[", b'{"a"')):
        return  # any other body begins a backup
    answer = quiet.post(path, data=body, content_type="application/json")
    check(answer, 400, 404, 409, 413, 422, 501)


@pytest.mark.parametrize("path", ["/cves/%ED%A0%80", "/api/cves/%ED%A0%80", "/api/cves/a%00b", "/cves/" + "A" * 5_000,
                                  "/api/backups/%ED%A0%80.sqlite3", "/api/backups/a%00b.sqlite3", "/api/progress/%ED%A0%80",
                                  "/static/%00", "/static/%ED%A0%80", "/%ED%A0%80", "/api/%00"])  # fmt: skip
def test_texts_in_a_path(quiet, path):
    check(quiet.get(path), 400, 404)
    check(quiet.delete(path), 400, 404, 405)


MARKS = ["\0", "\u202e", "\u2066", "\u200f", "\ud800", "\x1b", "\x85", "\u2028", "\u061c", "\ufeff"]


@pytest.mark.parametrize("mark", MARKS, ids=ascii)
@pytest.mark.parametrize("field", ["source", "vendor"])
def test_labels_with_marks_that_nobody_sees_are_refused(quiet, query, field, mark):
    boundary = "x"
    name = f"DMZ{mark}gpj.exe".encode("utf-8", "surrogatepass")
    parts = [
        b'--x\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n' % (field.encode(), name),
        b'--x\r\nContent-Disposition: form-data; name="csvFile"; filename="a.csv"\r\n\r\na,b\n1,2\n\r\n--x--\r\n',
    ]
    answer = quiet.post(
        "/api/vulnerabilities/import-staging",
        data=b"".join(parts),
        content_type=f"multipart/form-data; boundary={boundary}",
    )
    check(answer, 400)
    assert field in answer.json["error"]["detail"]
    assert query("SELECT count(*) FROM imports") == [(0,)]


@pytest.mark.parametrize("field", ["scanDate", "mode", "sessionId", "dateOrder", "confirm", "preview"])
@pytest.mark.parametrize("value", ["\0", "\u202e", "9" * 100_000, "0" * 50_000])
def test_other_fields(quiet, field, value):
    form = {"csvFile": (io.BytesIO(b"a,b\n1,2\n"), "scan.csv"), field: value}
    check(quiet.post("/api/vulnerabilities/import-staging", data=form), 202, 400)


def test_data_is_kept_by_no_cache_and_files_of_the_pages_are(client):
    for path in ("/", "/imports", "/vulnerabilities", "/data", "/api/imports", "/api/vulnerabilities", "/api/vulnerabilities/stats",
                 "/api/vulnerabilities/export.csv", "/api/vulnerabilities/export.json", "/api/imports/1", "/api/sources", "/api/trends",
                 "/api/backups", "/api/mappings", f"/api/progress/{uuid.uuid4()}", "/health", "/ready", "/nothing"):  # fmt: skip
        assert client.get(path).headers["Cache-Control"] == "no-store", path
    assert client.post("/api/clear").headers["Cache-Control"] == "no-store"
    assert "no-store" not in client.get("/static/styles/base.css").headers["Cache-Control"]


def test_json_is_what_it_says(client):
    """A lone surrogate that is on record all the same can be answered."""
    with client.application.app_context():
        assert json.loads(client.application.json.dumps({"a": "\ud800"})) == {"a": "\ud800"}
