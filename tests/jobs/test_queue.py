"""Import rows in the web process: waiting for a lock without blocking, and giving up in words."""

from __future__ import annotations

import sqlite3

import pytest

from hextrackr.db import transactions
from hextrackr.errors import DatabaseBusy
from hextrackr.extensions import db
from hextrackr.jobs.queue import ImportQueue


@pytest.fixture
def foreign(config):
    """Another program that holds the database."""
    connection = sqlite3.connect(config.INSTANCE_PATH / "hextrackr.sqlite3", isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    yield connection
    connection.close()


def row(**values):
    return {"session_id": "s", "filename": "f", "file_size": 1, "upload": "u", **values}


@pytest.mark.sqlite("it has one writer")
def test_it_waits_for_a_lock_in_turns(app, foreign):
    turns = []

    def sleep(seconds):
        turns.append(seconds)
        foreign.rollback()

    with app.app_context():
        assert ImportQueue(db.engine, sleep).add(**row()) == 1
    assert turns == [transactions.RETRY]


@pytest.mark.sqlite("it has one writer")
def test_it_gives_up_with_the_documented_error(app, foreign, monkeypatch):
    monkeypatch.setattr(transactions, "PATIENCE", 0.3)
    with app.app_context(), pytest.raises(DatabaseBusy):
        ImportQueue(db.engine, lambda seconds: None).add(**row())


def test_what_has_ended_stays_ended(app):
    with app.app_context():
        imports = ImportQueue(db.engine, lambda seconds: None)
        import_id = imports.add(**row())
        assert imports.end(imports.get(import_id), "cancelled", {"code": "CANCELLED", "detail": "x"})
        assert not imports.end(imports.get(import_id), "failed", {"code": "INTERNAL", "detail": "y"})
        assert not imports.confirm(import_id)
        assert imports.get(import_id).state == "cancelled"
