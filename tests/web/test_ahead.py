"""What pages deep in a list are found by is counted before anybody asks for one."""

from __future__ import annotations

import itertools
import logging
import sqlite3

import pytest
from sqlalchemy import update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from hextrackr.domain.models import Import
from hextrackr.extensions import db
from hextrackr.web import ahead, depths, filters, listing, stretches
from hextrackr.web.ordering import Order
from hextrackr.web.paging import Page


class Over(Exception):
    """Ends what would go on for ever."""


@pytest.fixture(autouse=True)
def deep(monkeypatch):
    """Pages count as deep where there are a few hundred findings."""
    monkeypatch.setattr(stretches, "WALKED", 5)
    monkeypatch.setattr(depths, "SPAN", 1_000)


def counted(session):
    turns: list[int] = []
    ahead.count(session, lambda: turns.append(1))
    return len(turns)


@pytest.mark.parametrize("limits", [{}, {"state": "open"}, {"state": "open", "severity": "high"}], ids=str)
def test_then_a_deep_page_counts_at_most_where_it_lies_among_equals(engine, record, limits):
    turns: list[int] = []
    limited = filters.requested(limits)
    with Session(engine) as session:
        counted(session)
        for sort, descending in itertools.product(("severity", "vpr", "cvss", "firstSeen"), (True, False)):
            turns.clear()
            listing.page(session, limited, Order(sort, descending), Page(4, 7), lambda: turns.append(1))
            assert len(turns) <= 1


def test_it_is_counted_once_and_again_when_the_record_has_changed(engine, record):
    with Session(engine) as session:
        first = counted(session)
        assert first > len(stretches.Stretches(session, filters.requested({}), Order("vpr", True)).groups()[0].arms)
        assert counted(session) == 0
        session.execute(update(Import).where(Import.id == 1).values(finished_at=1_790_000_000_002))
        assert counted(session) == first


def test_nothing_is_counted_where_nothing_is_merged_or_on_record(app, engine, record, monkeypatch):
    monkeypatch.setattr(stretches, "MOST", 1)
    with Session(engine) as session:
        assert counted(session) == 0


def test_an_empty_record(app, engine):
    with Session(engine) as session:
        assert counted(session) == 0


def test_others_have_their_turn_with_no_transaction_held(app, engine, record, monkeypatch):
    slept: list[tuple[float, bool]] = []

    def sleep(seconds):
        slept.append((seconds, db.session.in_transaction()))
        if seconds == ahead.LOOK:
            raise Over

    monkeypatch.setattr(ahead.socketio, "sleep", sleep)
    with app.app_context(), pytest.raises(Over):
        ahead._look_around(app)
    assert len(slept) > 1
    assert set(slept[:-1]) == {(ahead.GAP, False)}


def test_a_database_that_cannot_be_read_is_logged_and_tried_again_later(app, monkeypatch, caplog):
    slept: list[float] = []
    locked = sqlite3.OperationalError("database is locked")
    locked.sqlite_errorcode = sqlite3.SQLITE_BUSY

    def fail(*_):
        if len(slept) == 1:
            raise OperationalError("SELECT", {}, locked) from locked

    def sleep(seconds):
        slept.append(seconds)
        if len(slept) == 3:
            raise Over

    monkeypatch.setattr(ahead, "count", fail)
    monkeypatch.setattr(ahead.socketio, "sleep", sleep)
    with caplog.at_level(logging.WARNING), pytest.raises(Over):
        ahead._look_around(app)
    assert slept == [ahead.LOOK, ahead.LOOK_AFTER_ERROR, ahead.LOOK]
    assert [record.getMessage() for record in caplog.records] == [
        "Deep pages are counted when one is asked for: SQLITE_BUSY"
    ]


def test_no_page_is_read_meanwhile(engine, record, monkeypatch):
    """Up to ``WALKED`` findings are walked over to a page: that would hold up others for as long as some counting does."""
    monkeypatch.setattr(stretches, "_merged", lambda *_: pytest.fail("findings are merged, and nobody looks at them"))
    with Session(engine) as session:
        assert counted(session)
