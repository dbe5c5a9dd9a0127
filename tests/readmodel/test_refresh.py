"""The copy equals the record after everything that can happen to it, whether it is made anew or brought up to date by what changed."""

from __future__ import annotations

import os
import random
from datetime import date, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from hextrackr.db import Base
from hextrackr.domain import sources, undo
from hextrackr.domain.models import ImportMode
from hextrackr.domain.verdicts import FIXED, OPEN, PASSED
from hextrackr.ingest import staging
from hextrackr.readmodel import schema
from hextrackr.readmodel.copy import Copy, Loading, refresh
from tests.support import copies
from tests.support.exports import export, row, scan
from tests.support.reference_model import Row
from tests.support.staging import promote


@pytest.fixture
def ways(monkeypatch):
    """Which way each refresh has taken."""
    taken = []
    for name in ("copy_whole", "copy_changes"):
        way = getattr(Loading, name)

        def noted(*arguments, way=way, name=name):
            taken.append(name)
            way(*arguments)

        monkeypatch.setattr(Loading, name, noted)
    return taken


@pytest.fixture
def agree(engine, copy, the_record, tmp_path):
    """Bring the copy up to date, and see that it equals the record; and so does one that is made anew."""
    number = iter(range(1000))

    def check():
        state = refresh(copy, the_record)
        with engine.connect() as connection:
            wanted = copies.expected(connection)
        assert copies.found(copy.connection) == wanted
        anew = Copy(tmp_path / f"anew-{next(number)}", "192MB")
        assert refresh(anew, the_record) == state
        assert copies.found(anew.connection) == wanted
        machines = [each.connection.sql("SELECT * FROM machine ORDER BY ALL").fetchall() for each in (copy, anew)]
        assert machines[0] == machines[1]
        anew.connection.close()

    return check


def test_the_columns_are_all_copied(engine):
    """Whoever adds a column to the record decides here whether questions need it."""
    left_out = {
        "assets": set(),
        "definitions": set(),
        "findings": set(),
        "finding_changes": set(),
        "sightings": set(),
        "sources": {"undoable_from"},
        "source_aliases": set(),
        "daily_totals": set(),
        "definition_cves": set(),
        "asset_identifiers": {"inherited"},
        "evidence": {"digest"},
    }
    copied = {table.source: {column.expression for column in table.columns} for table in schema.TABLES}
    assert {
        name: {column.name for column in Base.metadata.tables[name].columns} - copied[name] for name in left_out
    } == left_out


def test_after_first_and_later_imports(run_import, agree, ways):
    run_import(scan([1, 2, 3], [1001, 1002], severity="High", **{"definition.vpr.score": "6.7"}))
    agree()
    later = {"last_seen": "2026-08-08T03:00:00.000Z"}
    run_import(scan([1, 2, 4], [1001, 1002], severity="Critical", **later), confirmed=True)
    agree()
    run_import(scan([1, 2, 3, 4], [1001, 1002], severity="Low", last_seen="2026-08-15T03:00:00.000Z"), confirmed=True)
    agree()
    assert [way for way in ways if way == "copy_changes"] == ["copy_changes"] * 2


def test_after_an_import_that_was_undone(engine, run_import, agree, ways):
    run_import(scan([1, 2, 3]))
    agree()
    second = run_import(scan([1, 4], last_seen="2026-08-08T03:00:00.000Z"), confirmed=True)
    agree()
    undo.undo_import(engine, second.id)
    staging.clean_up(engine)
    agree()
    third = run_import(scan([5, 6], last_seen="2026-08-09T03:00:00.000Z"), confirmed=True)
    undo.undo_import(engine, third.id)
    run_import(scan([7, 1], last_seen="2026-08-10T03:00:00.000Z"), confirmed=True)
    staging.clean_up(engine)
    agree()
    assert ways.count("copy_changes") == 3


def test_after_a_source_was_renamed_retired_and_made_active_by_an_import(engine, run_import, agree):
    run_import(scan([1, 2]))
    agree()
    for change in (
        lambda session: sources.rename(session, 1, "Berlin"),
        lambda session: sources.retire(session, 1, date(2026, 9, 1)),
    ):
        with Session(engine) as session, session.begin():
            change(session)
        agree()
    back = run_import(scan([1], last_seen="2026-08-08T03:00:00.000Z"), source_label="Berlin", confirmed=True)
    agree()
    undo.undo_import(engine, back.id)
    agree()


def test_a_copy_that_is_far_behind_is_made_anew(run_import, agree, ways):
    agree()
    for day in range(1, 13):
        run_import(scan([1, 2], last_seen=f"2026-08-{day:02}T03:00:00.000Z", severity="Low" if day % 2 else "High"))
    ways.clear()
    agree()
    assert ways == ["copy_whole", "copy_whole"]


def test_a_copy_of_another_record_is_made_anew(engine, run_import, agree, ways):
    run_import(scan([1, 2]))
    agree()
    with engine.begin() as connection:
        connection.execute(text("UPDATE record_version SET stamp = 'other'"))
        connection.execute(text("UPDATE record_changes SET stamp = 'other'"))
        connection.execute(text("DELETE FROM findings WHERE id = 1"))
    ways.clear()
    agree()
    assert ways == ["copy_whole", "copy_whole"]


def test_a_refresh_that_fails_leaves_the_copy_as_it_was(run_import, copy, the_record, monkeypatch):
    run_import(scan([1, 2]))
    refresh(copy, the_record)
    before = copies.found(copy.connection)
    run_import(scan([1, 2, 3], last_seen="2026-08-08T03:00:00.000Z"))

    def fail(*_arguments):
        raise RuntimeError

    monkeypatch.setattr(Loading, "copy_changes", fail)
    with pytest.raises(RuntimeError):
        refresh(copy, the_record)
    assert copies.found(copy.connection) == before


def test_how_far_a_refresh_is_goes_by_the_rows_that_it_has_loaded(run_import, copy, the_record, monkeypatch):
    monkeypatch.setattr("hextrackr.readmodel.record.PIECE_BYTES", 1)
    monkeypatch.setattr("hextrackr.readmodel.record._FETCHED", 10)
    monkeypatch.setattr("hextrackr.readmodel.copy._ROW", {"finding": 1e9})  # beside which nothing else takes any time
    monkeypatch.setattr("hextrackr.readmodel.copy._REPLACED_ROW", 1e9 / 4)
    whole, changes = [], []
    run_import(scan(range(40)))
    refresh(copy, the_record, whole.append)
    run_import(scan(range(20, 40), severity="Low", last_seen="2026-08-08T03:00:00.000Z"), confirmed=True)
    refresh(copy, the_record, changes.append)
    assert _steps(whole) == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert whole == sorted(whole)
    assert changes == sorted(changes)
    assert _steps(changes) == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]


def _steps(shares):
    return sorted({round(share, 3) for share in shares})


NASTY = [
    '"',
    ",",
    "\n",
    "\r\n",
    '\\N "" ,',
    "=1+1",
    "\x00",
    "\x01\x02",
    "ÄÖ 💥 \u202e",
    "'; DROP TABLE x --",
    "%s %d",
    "''",
    "NULL",
]


def test_texts_arrive_as_they_are(engine, run_import, agree):
    run_import(export(row(host=f"h{number}", plugin=str(number)) for number in range(len(NASTY))))
    with engine.begin() as connection:
        for number, nasty in enumerate(NASTY, start=1):
            value = {"value": nasty, "id": number}
            connection.execute(
                text("UPDATE definitions SET title = :value, description = :value, family = '' WHERE id = :id"), value
            )
            connection.execute(text("UPDATE assets SET name = :value, os = NULL WHERE id = :id"), value)
            connection.execute(text("UPDATE findings SET protocol = :value WHERE id = :id"), value)
    agree()


def test_long_texts_arrive_whole(engine, run_import, agree):
    run_import(scan([1, 2]))
    with engine.begin() as connection:
        connection.execute(text("UPDATE definitions SET description = :value"), {"value": '"' * 2_000_000})
    agree()


def test_many_rows_arrive_in_several_pieces(run_import, agree, monkeypatch):
    monkeypatch.setattr("hextrackr.readmodel.record.PIECE_BYTES", 100)
    run_import(scan(range(40), range(1000, 1060)))
    agree()


def test_many_texts_of_evidence_arrive_some_at_a_time(run_import, agree, monkeypatch):
    monkeypatch.setattr("hextrackr.readmodel.copy._IDS", 3)
    agree()
    run_import(export(row(host=f"h{place}", output=f"found {place}") for place in range(10)))
    agree()


def test_numbers_arrive_exactly(run_import, agree):
    scores = ["6.7", "0.1", "9.95", "10", "3.3333333", ""]
    run_import(export(row(host=f"h{place}", vpr=score) for place, score in enumerate(scores)))
    agree()


@pytest.mark.parametrize("seed", range(int(os.environ.get("RANDOM_SEEDS", "2"))))
def test_whatever_happens_the_copy_follows(engine, agree, seed):
    """Imports of all modes, late ones, undos and clean-ups at random, and a refresh now and then."""
    chance = random.Random(seed)
    day = date(2026, 1, 1)
    for _ in range(14):
        source = chance.choice(["a", "b"])
        action = chance.random()
        if action < 0.65:
            day += timedelta(days=chance.randint(1, 9))
            at = day if chance.random() < 0.8 else day - timedelta(days=chance.randint(10, 60))
            rows = {
                (f"h{chance.randint(1, 9)}", f"p{chance.randint(1, 9)}", chance.choice([80, 443])): Row(
                    chance.randint(0, 4), chance.choice([OPEN, OPEN, FIXED, PASSED]), chance.choice([None, 5.5, 6.7])
                )
                for _ in range(chance.randint(1, 40))
            }
            promote(engine, source, at, chance.choice(list(ImportMode)), rows)
        elif action < 0.9:
            with engine.connect() as connection:
                number = connection.execute(
                    text("SELECT max(id) FROM sources WHERE label = :label"), {"label": source}
                ).scalar()
                latest = undo.undoable(connection, number) if number else None
            if latest:
                undo.undo_import(engine, latest)
        else:
            staging.clean_up(engine)
        if chance.random() < 0.4:
            agree()
    agree()
