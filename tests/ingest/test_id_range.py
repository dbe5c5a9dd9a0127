"""An import tells between which ids the findings lie that it put on record."""

from __future__ import annotations

import pytest

from hextrackr.domain import undo
from tests.support.exports import scan

#: Import, how many findings name it, and how many of these its span holds.
TOLD = """
    SELECT i.id, count(f.id), coalesce(sum(CASE WHEN f.id BETWEEN i.first_finding AND i.last_finding THEN 1 ELSE 0 END), 0)
    FROM imports i LEFT JOIN findings f ON f.opened_by = i.id GROUP BY i.id ORDER BY i.id
"""
SPANS = "SELECT last_finding - first_finding + 1 FROM imports ORDER BY id"


def seen(number):
    return f"2026-08-{number:02}T03:00:00Z"


@pytest.fixture
def told(query):
    """How many findings each import has put on record, all of which its span holds."""

    def asked():
        rows = query(TOLD)
        assert [named for _, named, _ in rows] == [held for _, _, held in rows]
        return [named for _, named, _ in rows]

    return asked


def test_what_each_of_several_imports_adds(run_import, told, query):
    run_import(scan(range(10), last_seen=seen(1)))
    run_import(scan(range(5, 12), last_seen=seen(8)), confirmed=True)
    run_import(scan(range(4), last_seen=seen(8)), source_label="another")
    run_import(scan(range(5, 12), last_seen=seen(15)))
    assert told() == [10, 2, 4, 0]
    assert query("SELECT first_finding, last_finding FROM imports WHERE id = 4") == [(None, None)]


@pytest.mark.sqlite("it has no gaps between ids")
def test_nothing_else_lies_in_a_span(run_import, query):
    run_import(scan(range(10), last_seen=seen(1)))
    run_import(scan(range(12), last_seen=seen(8)))
    assert query(SPANS) == [(10,), (2,)]


def test_what_a_late_scan_adds(run_import, told):
    run_import(scan(range(10), last_seen=seen(15)))
    run_import(scan(range(7, 13), last_seen=seen(8)))
    assert told() == [10, 3]


def test_ids_that_come_again_are_taken_back_with_the_import_that_has_them_now(run_import, told, engine, query):
    run_import(scan(range(10), last_seen=seen(1)))
    for hosts in (range(14), range(12)):
        latest = run_import(scan(hosts, last_seen=seen(8)))
        assert told()[-1] == len(hosts) - 10
        undo.undo_import(engine, latest.id)
        assert told() == [10] + [0] * (latest.id - 1)
    assert query("SELECT count(*) FROM findings") == [(10,)]


def test_a_preview_adds_nothing(run_import, told):
    run_import(scan(range(10), last_seen=seen(1)), preview=True)
    assert told() == [0]
