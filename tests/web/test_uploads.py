"""Uploading: what is accepted, what is refused, and that nothing is left behind."""

from __future__ import annotations

import hashlib
import io
import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hextrackr import create_app
from hextrackr.errors import IncompleteUpload
from hextrackr.extensions import import_queue, tracker
from hextrackr.ingest.attempt import upload_path
from hextrackr.jobs import files
from hextrackr.web import uploads
from hextrackr.web.uploads import Body
from tests.support.exports import scan

STAGING = "/api/vulnerabilities/import-staging"
UUID = "6f1c2a34-1111-4222-8333-444455556666"


def form(content=b"a,b,c\n1,2,3\n", filename="scan.csv", **fields):
    return {"csvFile": (io.BytesIO(content), filename), **fields}


def stored(app):
    return sorted(path.suffix for path in (app.config["INSTANCE_PATH"] / "uploads").iterdir())


def test_an_upload_is_queued_and_answered(app, client, query):
    answer = client.post(STAGING, data=form(scan([1]), vendor="ACME", scanDate="2026-08-20", sessionId=UUID))
    assert answer.status_code == 202
    assert answer.json == {
        "success": True,
        "sessionId": UUID,
        "importId": 1,
        "message": "Upload complete. The import has started.",
        "filename": "scan.csv",
        "vendor": "ACME",
        "scanDate": "2026-08-20",
    }
    assert query("SELECT state, file_size, mode FROM imports") == [("queued", len(scan([1])), "full")]
    assert stored(app) == [".csv"]
    with app.app_context():
        assert tracker.get_session(UUID)["metadata"]["importId"] == 1


def test_the_stored_file_is_the_uploaded_one(app, client, query):
    content = bytes(range(256)) * 1500
    client.post(STAGING, data=form(content))
    [(name, digest)] = query("SELECT upload, digest FROM imports")
    assert (app.config["INSTANCE_PATH"] / "uploads" / name).read_bytes() == content
    assert digest == hashlib.sha256(content).hexdigest()


def test_without_a_session_id_there_is_a_new_one(client):
    first = client.post(STAGING, data=form()).json["sessionId"]
    second = client.post(STAGING, data=form()).json["sessionId"]
    assert first != second


def test_a_wrong_field_is_refused_and_nothing_is_kept(app, client, query):
    for fields, code in [
        ({"sessionId": "no session id"}, "INVALID_SESSION_ID"),
        ({"scanDate": "yesterday"}, "BAD_REQUEST"),
        ({"scanDate": "2026-02-30"}, "BAD_REQUEST"),
        ({"scanDate": "1066-10-14"}, "BAD_REQUEST"),
        ({"scanDate": "9999-01-01"}, "BAD_REQUEST"),
        ({"mode": "half"}, "BAD_REQUEST"),
        ({"vendor": "x" * 101}, "BAD_REQUEST"),
        ({"source": "x" * 101}, "BAD_REQUEST"),
    ]:
        answer = client.post(STAGING, data=form(**fields))
        assert answer.status_code == 400
        assert answer.json["error"]["code"] == code
        assert answer.json["error"]["detail"].endswith(".")
        assert stored(app) == []
        assert query("SELECT count(*) FROM imports") == [(0,)]


@pytest.mark.parametrize(
    "data",
    [{}, {"csvFile": "text, not a file"}, {"file": (io.BytesIO(b"x"), "other-field.csv")}],
    ids=["empty", "text", "other field"],
)
def test_a_form_without_the_file_is_refused(app, client, data):
    answer = client.post(STAGING, data=data, content_type="multipart/form-data")
    assert (answer.status_code, answer.json["error"]["code"]) == (400, "NO_FILE")
    assert stored(app) == []


def test_other_files_of_the_form_are_not_kept(app, client):
    client.post(STAGING, data={**form(), "other": (io.BytesIO(b"x" * 1000), "other.csv")})
    assert stored(app) == [".csv"]


def test_a_session_id_in_use_is_refused(app, client):
    assert client.post(STAGING, data=form(sessionId=UUID)).status_code == 202
    answer = client.post(STAGING, data=form(sessionId=UUID))
    assert (answer.status_code, answer.json["error"]["code"]) == (409, "SESSION_IN_USE")
    assert stored(app) == [".csv"]


@pytest.mark.parametrize("size", [1001, 200_000])
def test_over_the_limit_is_413_with_its_code(config, size):
    from dataclasses import replace

    app = create_app(replace(config, UPLOAD_MAX_BYTES=1000))
    answer = app.test_client().post(STAGING, data=form(b"x" * size))
    assert (answer.status_code, answer.json["error"]["code"]) == (413, "UPLOAD_TOO_LARGE")
    assert stored(app) == []


def test_just_at_the_limit_is_accepted(config):
    from dataclasses import replace

    app = create_app(replace(config, UPLOAD_MAX_BYTES=1000))
    assert app.test_client().post(STAGING, data=form(b"x" * 1000)).status_code == 202


def test_a_body_cut_short_is_refused_and_nothing_is_kept(app, client, query):
    boundary = "cut"
    body = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="csvFile"; filename="scan.csv"\r\n\r\n' + "x" * 5000
    ).encode()
    answer = client.post(
        STAGING,
        input_stream=io.BytesIO(body),
        headers={"Content-Type": f"multipart/form-data; boundary={boundary}", "Content-Length": str(len(body) + 900)},
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert answer.status_code == 400
    assert stored(app) == []
    assert query("SELECT count(*) FROM imports") == [(0,)]


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("scan.csv", "scan.csv"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\scan.csv", "scan.csv"),
        ("a/b/", "b"),
        ("..", "upload.csv"),
        ("evil\u202egnp.csv", "evilgnp.csv"),
        ("line\nbreak.csv", "linebreak.csv"),
        ("x" * 300 + ".csv", "x" * 251 + ".csv"),
        ("CON", "CON"),
    ],
)
def test_a_file_name_is_shown_and_never_a_path(sent, shown):
    from hextrackr.web.uploads import shown_filename

    assert shown_filename(sent) == shown


class Stalled(io.BytesIO):
    """A body whose client sends nothing any more."""

    def read(self, size=-1):
        raise TimeoutError


def test_an_upload_that_stalls_has_ended():
    with pytest.raises(IncompleteUpload):
        Body(Stalled()).read(10)


def test_an_upload_that_trickles_has_ended(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(uploads.time, "monotonic", lambda: now[0])
    body = Body(io.BytesIO(b"x" * 1_000_000))
    for _ in range(30):
        now[0] += 1
        body.read(10)
    now[0] += 1
    with pytest.raises(IncompleteUpload):
        body.read(10)


def test_a_slow_upload_goes_on(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(uploads.time, "monotonic", lambda: now[0])
    body = Body(io.BytesIO(b"x" * 1_000_000))
    for _ in range(300):
        now[0] += 1
        assert len(body.read(2_000)) == 2_000


def test_no_read_waits_longer_than_the_limit():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        Body(io.BytesIO(), ours)
        assert ours.gettimeout() == uploads.STALL


def test_of_many_uploads_under_one_session_id_one_is_taken(app, query):
    """At once: the others are refused, and nothing of them is there."""
    together = threading.Barrier(8)

    def send(number):
        client = app.test_client()
        together.wait()
        return client.post(STAGING, data=form(scan([number]), sessionId=UUID))

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, range(8)))
    assert sorted(answer.status_code for answer in answers) == [202] + [409] * 7
    assert {answer.json["error"]["code"] for answer in answers if answer.status_code == 409} == {"SESSION_IN_USE"}
    [taken] = [answer.json["importId"] for answer in answers if answer.status_code == 202]
    assert query("SELECT id FROM imports") == [(taken,)]
    assert stored(app) == [".csv"]


def test_a_session_id_that_an_import_of_another_process_has_is_refused(app, client, query):
    with app.app_context():
        import_queue.add(session_id=UUID, filename="scan.csv", file_size=1, upload="")
    answer = client.post(STAGING, data=form(sessionId=UUID))
    assert (answer.status_code, answer.json["error"]["code"]) == (409, "SESSION_IN_USE")
    assert query("SELECT count(*) FROM imports") == [(1,)]
    assert stored(app) == []
    with app.app_context():
        assert tracker.get_session(UUID) is None


def test_what_cannot_be_told_of_is_refused_before_it_is_taken(app, client, query):
    """More sessions than the tracker holds."""
    sessions = app.extensions["progress_tracker"]
    sessions._max_sessions = 0
    answer = client.post(STAGING, data=form())
    assert (answer.status_code, answer.json["error"]["code"]) == (429, "TOO_MANY_REQUESTS")
    assert query("SELECT count(*) FROM imports") == [(0,)]
    assert stored(app) == []


def test_an_import_that_is_on_record_is_accepted_whatever_fails_then(app, client, query, monkeypatch):
    def fails(_record):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(app.extensions["import_service"], "_ready", fails)
    assert client.post(STAGING, data=form()).status_code == 202
    assert query("SELECT state FROM imports") == [("queued",)]


@pytest.mark.sqlite("PostgreSQL makes each commit durable by itself")
def test_file_row_and_folders_are_durable_before_the_answer(app, client, query, monkeypatch):
    synced = []

    def recording(sync):
        def record(descriptor):
            path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
            rows = query("SELECT count(*) FROM imports")[0][0] if path.name.endswith("-wal") else None
            synced.append(("part" if path.suffix == ".part" else path.name, rows))
            return sync(descriptor)

        return record

    monkeypatch.setattr(os, "fsync", recording(os.fsync))
    monkeypatch.setattr(os, "fdatasync", recording(os.fdatasync))
    assert client.post(STAGING, data=form()).status_code == 202
    assert synced == [("part", None), ("uploads", None), ("hextrackr.sqlite3-wal", 1), ("instance", None)]


def test_an_upload_is_nobody_elses_to_read(app, client):
    client.post(STAGING, data=form())
    [path] = (app.config["INSTANCE_PATH"] / "uploads").iterdir()
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../secret_key", "..", "", "x.csv", "a" * 32 + ".CSV", "a" * 32 + ".csv/../x"]
)
def test_the_name_of_an_upload_is_never_a_path(tmp_path, name):
    path = upload_path(tmp_path, name)
    assert path.parent == tmp_path
    assert path.name == "no-upload.csv"


def test_our_own_names_are_kept(tmp_path):
    name = files.upload_name("csv")
    assert upload_path(tmp_path, name) == tmp_path / name
