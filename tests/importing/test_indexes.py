"""A first import builds the indexes of the findings at its end; afterwards they, the keys and what refers to these are what they were."""

from __future__ import annotations

import pytest
from sqlalchemy import inspect

from hextrackr.importing import indexes
from tests.exports import scan

TABLES = ("findings", "finding_changes", "undo_findings")


@pytest.fixture(autouse=True)
def built_apart(monkeypatch):
    """Small files are worth it, too; what was built at an end."""
    built = []
    build = indexes.build
    monkeypatch.setattr(indexes, "FEWEST", 1)
    monkeypatch.setattr(
        indexes,
        "build",
        lambda connection, statements, advance: (built.extend(statements), build(connection, statements, advance)),
    )
    return built


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


def test_they_are_as_before(run_import, engine, query, built_apart):
    before = kept(engine)
    run_import(scan(range(5), range(5)))
    assert len(built_apart) >= 6
    assert kept(engine) == before
    assert query("SELECT count(*) FROM findings") == [(25,)]
