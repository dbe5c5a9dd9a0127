"""What fails beside an import: the sockets, the importer process, the writing of an end."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from hextrackr.errors import DatabaseUnavailable
from hextrackr.extensions import db, socketio
from hextrackr.jobs import files, importer_process
from tests.support.exports import scan


def refuse(error):
    def call(*_args, **_options):
        raise error

    return call


@pytest.mark.parametrize("error", [ConnectionError("Redis is gone"), ValueError("?"), RuntimeError("?")], ids=repr)
def test_sockets_that_fail_do_not_fail_the_import(start_app, monkeypatch, error):
    app = start_app()
    monkeypatch.setattr(socketio, "emit", refuse(error))
    record = app.ended(app.upload(scan(range(100), range(100))))
    assert record["state"] == "completed"
    assert app.told_the_end(record["sessionId"])["metadata"]["inserted"] == 10_000


def test_an_importer_process_that_cannot_be_started(start_app, monkeypatch):
    app = start_app()
    before = app.findings()
    with monkeypatch.context() as patch:
        patch.setattr(importer_process.subprocess, "Popen", refuse(OSError(11, "Resource temporarily unavailable")))
        app.end_the_importer()
        import_id = app.upload(scan([1, 2, 3]))
        app.assert_failed(import_id, "INTERRUPTED", before)
    app.assert_recovers(import_id)


def test_an_end_that_cannot_be_written_is_told_at_once_and_written_later(start_app, monkeypatch):
    app = start_app()
    with monkeypatch.context() as patch:
        patch.setattr(app.import_queue, "end", refuse(DatabaseUnavailable()))
        import_id = app.upload(b"name,price,quantity\n1,2,3\n")
        told = app.told_the_end(app.record(import_id)["sessionId"])
        assert told["error"]["code"] == "UNKNOWN_FORMAT"
        assert app.record(import_id)["state"] == "reading"
        assert app.ended(app.upload(scan([1]), source="another"))["state"] == "completed"
    assert app.ended(import_id)["error"]["code"] == "UNKNOWN_FORMAT"


@pytest.mark.parametrize("name", ["is_cancel_requested", "_keep_waiting_updated"])
def test_what_fails_beside_the_importers_work_does_not_end_it(start_app, monkeypatch, name):
    app = start_app()
    monkeypatch.setattr(files if hasattr(files, name) else app.worker, name, refuse(OSError("?")))
    import_id = app.upload(scan(range(100), range(100)))
    assert app.ended(import_id)["state"] == "completed"
    assert app.service.undo(import_id).undone_at


def test_a_request_that_gets_no_connection_in_time_is_told_that_the_database_is_busy(app, client, monkeypatch, caplog):
    """As under a flood, where every connection to the database is in use."""
    with app.app_context(), ExitStack() as stack:
        monkeypatch.setattr(db.engine.pool, "_timeout", 0.1)
        for _ in range(db.engine.pool.size() + db.engine.pool._max_overflow):
            stack.enter_context(db.engine.connect())
        answer = client.get("/api/imports")
    assert (answer.status_code, answer.json["error"]["code"]) == (503, "SQLITE_BUSY")
    assert "Traceback" not in caplog.text
    assert client.get("/api/imports").status_code == 200
