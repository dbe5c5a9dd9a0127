"""A database that is locked, read-only, damaged, or refuses a row; and a memory that is too small."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
import time
from contextlib import closing
from functools import partial

import pytest
from sqlalchemy import text

from hextrackr.db import engines, transactions
from hextrackr.db.error_mapping import error_from_exception
from hextrackr.ingest import attempt
from hextrackr.ingest.attempt import Job
from tests.support.client import form, get, upload
from tests.support.exports import export, row, scan
from tests.support.server import running

#: What PostgreSQL does when it is locked, away or broken is in test_postgresql.py.
of_its_file = pytest.mark.sqlite("its file is locked or damaged")

DATABASE = "hextrackr.sqlite3"
#: Lets a table refuse every row.
REFUSING = {
    "sqlite": ["CREATE TRIGGER refuse BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'no such row'); END"],
    "postgresql": [
        "CREATE FUNCTION no() RETURNS trigger AS 'BEGIN RAISE EXCEPTION $$no such row$$; END' LANGUAGE plpgsql",
        "CREATE TRIGGER refuse BEFORE INSERT ON {table} FOR EACH STATEMENT EXECUTE FUNCTION no()",
    ],
}


@pytest.fixture
def lock(config):
    """Another program that holds the database."""
    with closing(sqlite3.connect(config.INSTANCE_PATH / DATABASE, isolation_level=None, timeout=10)) as connection:
        yield connection


@pytest.fixture
def impatient(monkeypatch):
    """Nobody waits long for a lock."""
    monkeypatch.setattr(attempt, "Job", partial(Job, patience_ms=300))
    monkeypatch.setattr(transactions, "PATIENCE", 0.5)


@pytest.mark.system
@of_its_file
def test_a_lock_of_three_seconds_only_delays_and_the_server_answers_meanwhile():
    with running() as server:
        assert upload(server, scan([1]))[0] == 200
        with closing(sqlite3.connect(server.instance / DATABASE, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            answers = []
            uploading = threading.Thread(target=lambda: answers.append(upload(server, scan([1, 2]))))
            uploading.start()
            slowest, until = 0.0, time.monotonic() + 3
            while time.monotonic() < until:
                began = time.monotonic()
                assert get(server, "/health")[0] == 200
                slowest = max(slowest, time.monotonic() - began)
                time.sleep(0.01)
            other.execute("ROLLBACK")
        uploading.join()
    ((status, answer),) = answers
    assert (status, answer["state"], answer["inserted"]) == (200, "completed", 1)
    assert slowest < 1.0


@of_its_file
def test_an_upload_that_cannot_be_recorded_is_refused_and_leaves_nothing(start_app, impatient, lock):
    app = start_app()
    lock.execute("BEGIN IMMEDIATE")
    answer = app.post(scan([1]))
    assert (answer.status_code, answer.json["error"]["code"]) == (503, "SQLITE_BUSY")
    assert list((app.instance / "uploads").iterdir()) == []
    lock.execute("ROLLBACK")
    assert app.ended(app.upload(scan([1, 2, 3])))["inserted"] == 1


@of_its_file
@pytest.mark.parametrize("state", ["reading", "staging"])
def test_a_lock_longer_than_the_patience_ends_the_import(start_app, impatient, lock, state):
    app = start_app()
    before = app.findings()
    import_id = app.upload(scan(range(200), range(100, 200)))
    app.reached(import_id, state)
    lock.execute("BEGIN IMMEDIATE")
    told = app.told_the_end(app.record(import_id)["sessionId"])
    assert told["error"]["code"] == "SQLITE_BUSY"
    lock.execute("ROLLBACK")
    app.assert_failed(import_id, "SQLITE_BUSY", before)
    app.assert_recovers(import_id)


@pytest.mark.parametrize("table", ["staging_findings", "findings", "undo_findings", "daily_totals"])
def test_a_row_that_the_database_refuses(start_app, engine, table):
    app = start_app()
    before = app.findings()
    with engine.begin() as connection:
        for statement in REFUSING[engine.dialect.name]:
            connection.execute(text(statement.format(table=table)))
    changes = {"severity": "Low"} if table == "undo_findings" else {}
    import_id = app.upload(scan([1, 2, 3], last_seen="2026-08-08T00:00:00.000Z", **changes))
    app.assert_failed(import_id, "INTERNAL", before)
    with engine.begin() as connection:
        connection.execute(text("DROP TRIGGER refuse" + f" ON {table}" * (engine.dialect.name == "postgresql")))
    app.assert_recovers(import_id)


@pytest.mark.system
def test_a_memory_that_is_too_small(start_app):
    app = start_app(DUCKDB_MEMORY_LIMIT="96MB")
    before = app.findings()
    app.limit_memory("20MB")
    rows = (row(host=f"h{n}", plugin=str(n), description=f"{n} " + "x" * 2000) for n in range(10_000))
    import_id = app.upload(export(rows))
    app.assert_failed(import_id, "OUT_OF_MEMORY", before)
    app.limit_memory("256MB")
    app.assert_recovers(import_id)


@pytest.mark.system
def test_an_import_beyond_the_importer_s_own_limit_says_so(start_app):
    app = start_app(DUCKDB_MEMORY_LIMIT="8GB")
    before = app.findings()
    app.limit_importer(1_100_000_000)
    rows = (row(host=f"h{n}", plugin=str(n), description=f"{n} " * 3000) for n in range(8_000))
    import_id = app.upload(export(rows))
    app.assert_failed(import_id, "OUT_OF_MEMORY", before)
    app.limit_importer(4_000_000_000)
    app.assert_recovers(import_id)


def test_an_importer_that_is_aborted_had_too_little_memory(start_app):
    app = start_app()
    before = app.findings()
    import_id = app.upload(scan(range(200), range(100, 200)))
    app.reached(import_id, "reading", "staging")
    os.kill(app.worker.importer_pid, signal.SIGABRT)
    app.assert_failed(import_id, "OUT_OF_MEMORY", before)
    app.assert_recovers(import_id)


@of_its_file
def test_a_database_that_is_damaged_says_so(config, client):
    for path in config.INSTANCE_PATH.glob(f"{DATABASE}*"):
        path.write_bytes(b"no database at all" * 1000)
    body, kind = form(scan([1]))
    posted = client.post("/api/vulnerabilities/import-staging", data=body, content_type=kind)
    for answer in (client.get("/api/imports"), client.get("/api/vulnerabilities"), posted):
        assert (answer.status_code, answer.json["error"]["code"]) == (503, "DATABASE_UNAVAILABLE")
    assert client.get("/health").status_code == 200
    assert list((config.INSTANCE_PATH / "uploads").iterdir()) == []


@of_its_file
@pytest.mark.parametrize("path", ["/api/imports", "/imports/1"])
def test_an_error_of_the_database_is_told_without_its_innards(config, client, engine, path, caplog):
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE imports RENAME COLUMN filename TO hidden"))
    answer = client.get(path)
    assert answer.status_code == 500
    for innards in ("SELECT ", "sqlite", "alchemy", "no such column", "imports.filename", str(config.INSTANCE_PATH)):
        assert innards not in answer.text
    assert "no such column" in caplog.text


def _damaged(path):
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xa5" * (len(data) - 4096)
    path.write_bytes(data)


@of_its_file
@pytest.mark.parametrize(
    ("change", "url"),
    [
        pytest.param(lambda path: path.write_bytes(b"x" * 8192), "sqlite:///{}", id="no database"),
        pytest.param(_damaged, "sqlite:///{}", id="malformed"),
        pytest.param(lambda path: path.unlink(), "sqlite:///{}/missing", id="cannot be opened"),
        pytest.param(lambda path: None, "sqlite:///file:{}?mode=ro&uri=true", id="read-only"),
    ],
)
def test_what_sqlite_says_of_its_file(tmp_path, change, url):
    path = tmp_path / "database"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE t (a)")
        connection.executemany("INSERT INTO t VALUES (?)", [("x" * 100,)] * 1000)
        connection.commit()
    change(path)
    engine = engines.open_database(url.format(path))
    with pytest.raises(Exception) as failure, engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO t SELECT * FROM t")
    engine.dispose()
    assert error_from_exception(failure.value).code == "DATABASE_UNAVAILABLE"
