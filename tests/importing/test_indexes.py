"""A first import builds the indexes of the findings at its end; afterwards they are what they were."""

from __future__ import annotations

import pytest
from sqlalchemy import inspect, text

from hextrackr.importing import indexes
from hextrackr.models.dialects import is_postgresql
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


def test_they_stay_where_most_is_on_record(run_import, engine, built_apart):
    run_import(scan(range(5), range(5)))
    built_apart.clear()
    run_import(scan(range(6), range(5)))
    assert not built_apart


def test_nobody_who_reads_is_waited_for(run_import, engine, query, built_apart):
    with engine.connect() as reader:
        reader.exec_driver_sql("ROLLBACK")  # what begins with the connection would be a transaction that writes
        reader.exec_driver_sql("BEGIN")
        assert reader.execute(text("SELECT count(*) FROM findings")).scalar_one() == 0
        run_import(scan(range(5), range(5)))
    assert bool(built_apart) is not is_postgresql(engine)  # there whoever reads would wait for the end
    assert query("SELECT count(*) FROM findings") == [(25,)]
