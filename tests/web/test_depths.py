"""Where in an order a deep row stands: counted once, until the record changes."""

from __future__ import annotations

from collections import Counter

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from hextrackr.domain.models import Finding, Import
from hextrackr.web import depths, filters, kept, listing, stretches
from hextrackr.web.ordering import Order
from hextrackr.web.paging import Page


def parts(*grades):
    """The findings of each grade by VPR."""
    found = select(Finding.vpr.label("key"), Finding.id.label("id"))
    return {grade: found.where(Finding.grade == grade) for grade in grades}


def places(session, turns):
    return [depths.place(session, parts(5, 9), False, offset, lambda: turns.append(1)) for offset in (0, 7)]


@pytest.mark.parametrize("piece", [1, 4, 25_000])
@pytest.mark.parametrize("descending", [True, False])
def test_it_is_where_a_walk_would_end(engine, record, monkeypatch, descending, piece):
    monkeypatch.setattr(depths, "PIECE", piece)
    wanted = [row for row in record if row["lifecycle"] == "active" and row["severity"] in (0, 4)]
    values = sorted((row["vpr"] for row in wanted), key=lambda vpr: (vpr is not None, vpr or 0), reverse=descending)
    assert Counter(values)[None] > 1
    with Session(engine) as session:
        for offset, value in enumerate(values):
            place = depths.place(session, parts(5, 9), descending, offset, lambda: None)
            assert place == (value, offset - values.index(value))


@pytest.mark.parametrize("change", [{"finished_at": 1_790_000_000_000}, {"undone_at": 1_790_000_000_001}])
def test_it_is_counted_anew_once_an_import_has_ended_or_was_undone(engine, record, change):
    turns: list[int] = []
    with Session(engine) as session:
        first = places(session, turns)
        assert places(session, turns) == first
        assert len(turns) == 2  # one for each grade
        session.execute(delete(Finding).where(Finding.vpr.is_(None)))
        session.execute(update(Import).where(Import.id == 1).values(change))
        assert places(session, turns) != first
        assert len(turns) == 4


def test_it_is_counted_in_pieces_between_which_others_have_their_turn(engine, record, monkeypatch):
    turns: list[int] = []
    with Session(engine) as session:
        monkeypatch.setattr(depths, "PIECE", 1)
        first = places(session, turns)
        assert len(turns) > 4
        monkeypatch.setattr(depths, "PIECE", 25_000)
        session.execute(update(Import).where(Import.id == 1).values(finished_at=1_790_000_000_003))
        assert places(session, turns) == first


def test_it_does_not_keep_what_many_different_lists_have_counted(engine, record, monkeypatch):
    monkeypatch.setattr(kept, "_MOST", 1)
    turns: list[int] = []
    with Session(engine) as session:
        assert places(session, turns) == places(session, turns)
    assert len(turns) > 4


def test_ids_among_equals_are_counted_once_and_no_further_than_the_page(engine, record, monkeypatch):
    monkeypatch.setattr(depths, "SPAN", 20)
    turns: list[int] = []
    with Session(engine) as session:
        places = [
            depths.place_of_id(session, parts(5, 9), False, offset, lambda: turns.append(1)) for offset in (9, 9, 2)
        ]
        assert places[0] == places[1]
        counted = len(turns)
        assert counted == places[0][0] // 20 + 1 < len(record) // 20
        depths.place_of_id(session, parts(5, 6, 9), False, 9, lambda: turns.append(1))
        assert len(turns) > counted
        session.execute(update(Import).where(Import.id == 1).values(undone_at=1_790_000_000_001))
        turns.clear()
        depths.place_of_id(session, parts(5, 9), False, 9, lambda: turns.append(1))
        assert len(turns) == counted


def test_a_deep_page_counts_nothing_that_another_has_counted(engine, record, monkeypatch):
    """Lists of more or fewer grades and sources share what they have counted of one of them, and so do severity and VPR."""
    monkeypatch.setattr(stretches, "WALKED", 5)
    monkeypatch.setattr(depths, "SPAN", 10)
    turns: list[int] = []

    def ask(sort, page, **limits):
        turns.clear()
        limited = filters.requested({name: str(value) for name, value in limits.items()})
        listing.page(session, limited, Order(sort, True), Page(page, 7), lambda: turns.append(1))
        return len(turns)

    with Session(engine) as session:
        page = len(record) // 14
        for sort in ("vpr", "firstSeen"):
            assert ask(sort, page) > 0
            assert ask(sort, page) == 0
        monkeypatch.setattr(depths, "SPAN", 1_000)
        assert ask("firstSeen", 2, state="resolved") <= 1  # by ids, if at all
        assert ask("vpr", 2, source=2, state="resolved") <= 1
        assert ask("severity", 2) <= 1


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("span", [7, 10_000])
def test_among_equals_it_is_where_a_walk_by_their_ids_would_end(engine, record, monkeypatch, descending, span):
    monkeypatch.setattr(depths, "SPAN", span)
    ids = [row["id"] for row in record if row["lifecycle"] == "active" and row["severity"] in (0, 4)]
    ids.sort(reverse=descending)
    with Session(engine) as session:
        for offset, wanted in enumerate(ids):
            first, before = depths.place_of_id(session, parts(5, 9), descending, offset, lambda: None)
            rest = [number for number in ids if (number <= first if descending else number >= first)]
            assert rest[before] == wanted
            assert before < span
