"""A record that is empty is filled before its indexes are made; on PostgreSQL only where nobody looks at it."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from hextrackr.db import engines, indexes
from tests.support.exports import scan
from tests.support.importer import importer

pytestmark = pytest.mark.system

INDEXES = "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'findings' ORDER BY 1"


@pytest.fixture
def database(postgresql_database):
    engine = engines.open_database(postgresql_database)
    yield engine
    engine.dispose()


@pytest.fixture
def bring(database, postgresql_database, tmp_path, monkeypatch):
    monkeypatch.setattr(indexes, "FEWEST", 10)
    return importer(database, postgresql_database, tmp_path)


@pytest.fixture
def built(database, monkeypatch):
    """The indexes that were made anew."""
    found = []
    drop = indexes.drop

    def dropped(connection, new, held):
        found.append(drop(connection, new, held))
        return found[-1]

    monkeypatch.setattr(indexes, "drop", dropped)
    return found


def asked(engine, statement):
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(statement))]


def test_the_indexes_are_as_before(bring, built, database):
    before = asked(database, INDEXES)
    assert bring(scan(range(20))).inserted == 20
    assert [len(each) for each in built] == [5]
    assert asked(database, INDEXES) == before
    assert asked(database, "SELECT count(*) FROM pg_index WHERE NOT indisvalid") == [(0,)]


def test_a_second_import_finds_it_filled(bring, built):
    bring(scan(range(20)))
    bring(scan(range(40)), source_label="another")
    assert [len(each) for each in built] == [5, 0]


def test_few_rows_are_not_worth_it(bring, built):
    bring(scan(range(5)))
    assert built == [[]]


def test_who_reads_the_table_is_not_disturbed_and_not_waited_for(bring, built, database):
    with database.connect() as reader:
        assert reader.execute(text("SELECT count(*) FROM findings")).scalar_one() == 0
        assert bring(scan(range(20))).inserted == 20
    assert built == [[]]


def test_a_preview_leaves_everything_as_it_was(bring, built, database):
    before = asked(database, INDEXES)
    record = bring(scan(range(20)), preview=True)
    assert (record.state, record.forecast["inserted"]) == ("awaiting-confirmation", 20)
    assert asked(database, INDEXES) == before
    assert asked(database, "SELECT count(*) FROM findings") == [(0,)]
