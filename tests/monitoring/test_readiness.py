"""Whether the database lets the server do its work."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from hextrackr.extensions import import_queue
from hextrackr.jobs.queue import now_ms
from hextrackr.monitoring import readiness

pytestmark = pytest.mark.sqlite("about the file of SQLite and its lock")


@pytest.fixture
def database(config, monkeypatch):
    monkeypatch.setattr(readiness, "LOCK_PAUSE", 0.0)
    return config.INSTANCE_PATH / "hextrackr.sqlite3"


def found(client):
    answer = client.get("/ready")
    return answer.status_code, answer.json["checks"]["database"]


def changed(database, script):
    with closing(sqlite3.connect(database)) as connection:
        connection.executescript(script)


def test_a_database_that_is_well(client, database):
    assert found(client) == (200, "ok")


@pytest.mark.parametrize(
    "script", ["DELETE FROM alembic_version", "INSERT INTO alembic_version VALUES ('1')"], ids=["no revision", "two"]
)
def test_a_database_without_one_revision(client, database, script):
    changed(database, script)
    assert found(client) == (503, "the database has no HexTrackr tables")


@pytest.mark.parametrize("table", ["alembic_version", "findings"])
def test_a_database_without_tables(client, database, table):
    changed(database, f"PRAGMA foreign_keys = OFF; DROP TABLE {table}")
    assert found(client) == (503, "the database cannot be read")


def test_a_database_that_another_program_has_locked(client, database):
    with closing(sqlite3.connect(database)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert found(client) == (503, "the database is locked by another program")
    assert found(client) == (200, "ok")


def test_a_database_that_a_promotion_holds(app, client, database):
    with app.app_context():
        import_queue.add(session_id="s", filename="f", file_size=1, upload="")
    changed(database, f"UPDATE imports SET state = 'promoting', lease_until = {now_ms() + 60_000}")
    with closing(sqlite3.connect(database)) as importer:
        importer.execute("BEGIN IMMEDIATE")
        assert found(client) == (200, "ok")
