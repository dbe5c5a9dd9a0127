"""The first part of a file is recognised before the file is sent."""

from __future__ import annotations

import io

import pytest

from hextrackr.ingest.dialect import SAMPLE_BYTES
from tests.support.exports import scan


@pytest.fixture
def recognise(client):
    def run(content, size=None, **fields):
        form = {"csvFile": (io.BytesIO(content), "blob"), "filename": "scan.csv", **fields}
        form["size"] = str(len(content) if size is None else size)
        return client.post("/api/imports/recognise", data=form)

    return run


def test_a_file_is_recognised_and_nothing_is_stored(recognise, query, config):
    found = recognise(scan(range(30))).json
    assert (found["recognised"], found["scannerName"]) == (True, "Tenable Vulnerability Management")
    assert (found["filename"], found["rows"], found["rowsExact"], found["sources"]) == ("scan.csv", 30, True, [])
    assert query("SELECT count(*) FROM imports") == [(0,)]
    assert query("SELECT count(*) FROM sources") == [(0,)]
    assert list((config.INSTANCE_PATH / "uploads").iterdir()) == []


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"name,street,town,phone\r\nAda,1 High Street,London,555\r\n", "UNKNOWN_FORMAT"),
        (b"PK\x03\x04" + bytes(100), "UNREADABLE_CSV"),
        (b"\xe9\xff" * 9000, "UNREADABLE_CSV"),
    ],
)
def test_what_an_import_would_refuse_is_told_with_its_reason(recognise, content, code):
    answer = recognise(content)
    assert (answer.status_code, answer.json["recognised"], answer.json["error"]["code"]) == (200, False, code)
    assert answer.json["error"]["detail"].endswith(".")


def test_only_a_first_part_is_taken(recognise):
    content = scan(range(5_000))
    assert recognise(content[:SAMPLE_BYTES], len(content)).json["rowsExact"] is False
    refused = recognise(content[: SAMPLE_BYTES + 1], len(content))
    assert (refused.status_code, refused.json["error"]["code"]) == (413, "UPLOAD_TOO_LARGE")


def test_a_size_that_cannot_be_is_refused(recognise):
    for size in ["", "-1", "3", "1" * 30, "many"]:
        assert recognise(scan([1]), size).status_code == 400


def test_without_a_file_there_is_nothing_to_recognise(client):
    answer = client.post("/api/imports/recognise", data={"size": "1"})
    assert (answer.status_code, answer.json["error"]["code"]) == (400, "NO_FILE")
