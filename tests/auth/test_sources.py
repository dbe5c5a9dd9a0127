"""Who has changed a source is written down, with what it was before."""

from __future__ import annotations

import json

import pytest

from hextrackr.extensions import db
from tests.support.databases import ON_POSTGRESQL

ENTRIES = "SELECT actor, target, outcome, before, after FROM audit WHERE action = 'source' ORDER BY id"


@pytest.fixture
def source(app, query):
    with app.app_context(), db.engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO sources (id, scanner, label) VALUES (7, 'tenable-vm', 'Berlin')")


def test_each_change_of_a_source_is_in_the_audit(app, source, signed_in, query):
    ada = signed_in("ada")
    assert ada.post("/api/sources/7/rename", json={"label": "Rome"}).status_code == 200
    assert ada.post("/api/sources/7/retire").status_code == 200
    assert ada.post("/api/sources/8/activate").status_code == 404
    with app.app_context():
        assert app.test_cli_runner().invoke(args=["source", "rename", "7", "Paris"]).exit_code == 0
    found = [
        (actor, target, outcome, *(plain(values) for values in both))
        for actor, target, outcome, *both in query(ENTRIES)
    ]
    assert [entry[1:3] for entry in found] == [
        ("source 7 Berlin", "ok"), ("source 7 Rome", "ok"), ("sources/8/activate", "UNKNOWN_SOURCE"), ("source 7", "ok"),
    ]  # fmt: skip
    assert [entry[0] for entry in found[:3]] == ["ada"] * 3
    assert [(entry[3]["source"], entry[4]["source"]) for entry in (found[0], found[3])] == [
        ("Berlin", "Rome"),
        ("Rome", "Paris"),
    ]
    assert (found[1][3]["retiredOn"], found[1][4]["retiredOn"] is not None) == (None, True)


def plain(values):
    """JSON as the database has it: text in SQLite."""
    return values if ON_POSTGRESQL or values is None else json.loads(values)
