"""A first import builds the indexes of the findings at its end; afterwards they, the keys and what refers to these are what they were."""

from __future__ import annotations

import pytest
from sqlalchemy import inspect

from hextrackr.db import indexes
from tests.support.exports import scan

TABLES = ("findings", "finding_changes", "undo_findings")


@pytest.fixture
def built(monkeypatch):
    """The statements that built them, for a file of any size."""
    statements = []
    build = indexes.build

    def note(connection, these, advance):
        statements.extend(these)
        build(connection, these, advance)

    monkeypatch.setattr(indexes, "FEWEST", 1)
    monkeypatch.setattr(indexes, "build", note)
    return statements


def kept(engine):
    """The indexes, keys and references of the findings and of what refers to them."""
    found = inspect(engine)
    return {
        table: [
            sorted(found.get_indexes(table), key=str),
            sorted(found.get_unique_constraints(table), key=str),
            sorted(found.get_foreign_keys(table), key=str),
            found.get_pk_constraint(table),
        ]
        for table in TABLES
    }


def test_they_are_as_before(run_import, engine, query, built):
    before = kept(engine)
    run_import(scan(range(5), range(5)))
    assert len(built) >= 2
    assert kept(engine) == before
    assert query("SELECT count(*) FROM findings") == [(25,)]
