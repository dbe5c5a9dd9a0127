"""What leads to the findings of a list: an index of its own to each limit, the one with the fewest first, and never too much at once."""

from __future__ import annotations

import random
import sqlite3
from urllib.parse import parse_qsl

import pytest
from sqlalchemy import event, text
from sqlalchemy.orm import Session

from hextrackr.domain.models import Finding, Import
from hextrackr.web import filters, leads, listing, lookups
from hextrackr.web.limits import IndexArm
from hextrackr.web.ordering import Order
from hextrackr.web.paging import Page

#: Query -> the index that leads to what it limits the list to; of two limits, the other one's finds more.
LED = {
    "host=5": "sqlite_autoindex_findings_1",
    "host=host-5": "sqlite_autoindex_findings_1",
    "definition=4": "ix_findings_definition_id",
    "cve=CVE-2026-3&severity=high": "ix_findings_definition_id",
    "family=b&epssMin=0.7": "ix_findings_definition_id",
    "port=443": "ix_findings_port",
    "vprMin=9": "ix_findings_vpr",
    "vprMin=9&source=2&state=open": "ix_findings_vpr",
    "cvssMin=9.5&state=open": "ix_findings_cvss",
    "firstSeenTo=2026-07-02": "ix_findings_first_seen",
    "ageMin=10&firstSeenTo=2026-07-02": "ix_findings_first_seen",
    "lastSeenTo=2026-08-14&state=open": "ix_findings_sighting",
    "host=5&port=443": "sqlite_autoindex_findings_1",
    "port=443&definition=4": "ix_findings_definition_id",
    "protocol=tcp&state=resolved&severity=high&source=2": "ix_findings_vpr",
    "lastSeenTo=2026-08-14&cvssMin=10&firstSeenTo=2026-06-23": "ix_findings_first_seen",
}


@pytest.fixture(autouse=True)
def thorough(monkeypatch):
    """The best lead is looked for among few findings as well."""
    monkeypatch.setattr(leads, "FEW", 0)


def looked_up(session, query):
    return filters.requested(dict(parse_qsl(query))).looked_up(session)


def plan(session, statement):
    """How SQLite goes about it, in its words."""
    told = statement.compile(session.get_bind(), compile_kwargs={"literal_binds": True})
    return "; ".join(row[3] for row in session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {told}"))


@pytest.mark.sqlite("it plans by what the statement says alone")
@pytest.mark.parametrize(("query", "index"), LED.items())
def test_the_index_of_the_fewest_leads_to_what_matches(record, engine, query, index):
    with Session(engine) as session:
        limited = looked_up(session, query)
        lead = leads.best(session, limited)
        (statement,) = leads.statements(session, limited, lead, Finding.id)
        assert f"SEARCH findings USING INDEX {index} (" in plan(session, statement).replace("COVERING ", "")


@pytest.mark.sqlite("it plans by what the statement says alone")
@pytest.mark.parametrize("query", LED)
def test_what_an_index_holds_is_counted_by_it(record, engine, query):
    with Session(engine) as session:
        limited = looked_up(session, query)
        for arm in (arm for limit in limited.limits for arm in limit.arms if isinstance(arm, IndexArm)):
            counted = plan(session, limited.held_by(arm)).replace("COVERING ", "")
            assert f"SEARCH findings USING INDEX {arm.index} (" in counted


@pytest.mark.sqlite("it plans by what the statement says alone")
def test_changes_imports_and_spans_lead_to_findings_by_their_ids(record, engine):
    with Session(engine) as session:
        (added,) = leads.statements(
            session, limited := looked_up(session, "newSince=2026-08-01"), leads.best(session, limited), Finding.id
        )
        assert plan(session, added) == "SEARCH findings USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"
        limited = looked_up(session, "changedBy=2&change=resolved&state=open&port=443")
        (changed,) = limited.led_by(limited.limits[-1], Finding.id)
        assert "SEARCH finding_changes USING" in plan(session, changed)
        assert "SEARCH findings USING INTEGER PRIMARY KEY (rowid=?)" in plan(session, changed)
        span = limited.selecting(Finding.id).where(Finding.id >= 10, Finding.id < 20)
        assert "SEARCH findings USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)" in plan(session, span)


@pytest.mark.parametrize(
    ("query", "certain"), [("port=443", True), ("port=443&state=open", False), ("cvssMin=7&state=open", True)]
)
def test_that_all_of_an_index_matches_is_certain_where_nothing_else_limits_the_list(record, engine, query, certain):
    with Session(engine) as session:
        lead = leads.best(session, looked_up(session, query))
    assert lead.certain == (lead.findings if certain else 0)


@pytest.mark.parametrize("query", ["host=nothing&family=b", "source=9&family=b", "search=nothing+there&port=443"])
def test_where_nothing_leads_anywhere_nothing_is_looked_for(record, engine, query):
    with Session(engine) as session:
        assert leads.best(session, looked_up(session, query)).findings == 0


@pytest.mark.parametrize("sort", ["severity", "cvss", "lastSeen"])
def test_where_nothing_is_on_record_no_finding_is_asked_for(record, engine, sort):
    asked: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda _connection, _cursor, statement, *_: asked.append(statement))
    with Session(engine) as session:
        found = listing.page(session, filters.requested({"source": "9"}), Order(sort, True), Page(1, 50), list)
    assert (found.ids, found.total, found.exact) == ([], 0, True)
    assert not [statement for statement in asked if "FROM findings" in statement]


def test_imports_whose_findings_lie_beside_one_another_are_one_span(app, engine):
    spans = {1: (1, 10), 2: (11, 20), 3: (15, 18), 4: (22, 30), 5: (None, None), 6: (31, 31)}
    imported = {"session_id": "s", "filename": "f", "file_size": 1, "created_at": 1}
    rows = [{"id": n, "first_finding": first, "last_finding": last, **imported} for n, (first, last) in spans.items()]
    with Session(engine) as session:
        session.execute(Import.__table__.insert(), rows)
        arms = lookups.of_imports(Import.id > 0)(session, lambda: None).arms
        assert [(arm.first, arm.last) for arm in arms] == [(1, 20), (22, 31)]
        assert lookups.of_imports(Import.id == 5)(session, lambda: None).arms == ()


def test_others_have_their_turn_while_one_finding_after_the_other_is_looked_at(record, engine, monkeypatch):
    monkeypatch.setattr(leads, "SPAN", 50)
    monkeypatch.setattr(leads, "MOST", 10)
    turns: list[int] = []
    with Session(engine) as session:
        limited = looked_up(session, "protocol=tcp")
        lead = leads.best(session, limited)
        found = leads.collect(session, limited, lead, 1_000, lambda: turns.append(1))
    assert sorted(found) == [row["id"] for row in record if row["protocol"] == "tcp"]
    assert len(turns) == len(record) // 50 + 1


def test_who_is_found_twice_takes_nobodys_place(record, engine):
    """A host and a definition have the text, and hold more together than each of them."""
    with Session(engine) as session:
        limited = looked_up(session, "search=5")
        lead = leads.best(session, limited)
        everything = leads.collect(session, limited, lead, 1_000, list)
        for most in range(len(everything)):
            assert len(leads.collect(session, limited, lead, most, list)) == most + 1
    assert len(everything) < lead.findings


def test_what_lies_at_either_end_is_met_soon(record, engine, monkeypatch):
    monkeypatch.setattr(leads, "SPAN", 50)
    monkeypatch.setattr(leads, "MOST", 10)
    with Session(engine) as session:
        limited = looked_up(session, "protocol=tcp")
        found = leads.collect(session, limited, leads.best(session, limited), 35, list)
    assert len(found) == 36
    assert {number // 50 for number in found} <= {0, 1, len(record) // 50, len(record) // 50 - 1}


FINDINGS = 20_000
#: Of three sources with imports of their own, whose hosts have ten findings each.
MANY = (
    f"""
    CREATE TEMP TABLE n AS WITH RECURSIVE n(i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n WHERE i < {FINDINGS}) SELECT i FROM n
    """,
    "INSERT INTO assets (id, source_id, key, name) SELECT i, 1, 'k' || i, 'host-' || i FROM n WHERE i < 4000",
    """
    INSERT INTO definitions (id, source_id, key, title, family)
    SELECT i, 1, 'p' || i, 'Flaw ' || i, char(97 + i % 5) FROM n WHERE i < 1400
    """,
    f"""
    INSERT INTO findings (
      id, source_id, asset_id, definition_id, port, protocol, severity, vpr, cvss, first_seen, sighting_id, lifecycle, opened_by)
    SELECT i, i * 3 / {FINDINGS + 1} + 1, 1000 + i / 10, 1000 + i * 7 % 400, i % 60, 'tcp', i % 5, i % 100 / 10.0, i % 90 / 10.0,
           date('2026-01-01', (i % 200) || ' days'), 1 + i % 5, CASE WHEN i % 9 THEN 'active' ELSE 'resolved' END, 1 + i % 2 FROM n
    """,
    "DELETE FROM state_totals",
    "INSERT INTO state_totals SELECT source_id, lifecycle, severity, count(*), 0 FROM findings GROUP BY 1, 2, 3",
)
ASKED = {
    "state": ("open", "resolved", "reopened", ""),
    "severity": ("critical", ""),
    "source": ("1", "2", "3", ""),
    "port": ("7", "59", ""),
    "protocol": ("udp", "tcp", ""),
    "vprMin": ("9.5", "5"),
    "cvssMax": ("1", "8"),
    "firstSeenFrom": ("2026-07-18", "2026-02-01"),
    "lastSeenTo": ("2026-08-12", "2026-08-20"),
    "family": ("a", "b"),
    "search": ("host-1", "Flaw", "2026-3"),
    "host": ("5", "host-7"),
    "changedBy": ("1", "2"),
}
MOST_STEPS = 3 * FINDINGS


@pytest.mark.sqlite("it counts the steps of a statement")
def test_no_statement_goes_through_all_findings_whatever_is_asked(record, engine, monkeypatch):
    """Counted in steps of SQLite's machine, of which it takes ten at least to look at a finding."""
    for name, value in {"MOST": 500, "FEW": 50, "SPAN": 1_000}.items():
        monkeypatch.setattr(leads, name, value)
    for name, value in {"COLLECTED": 200, "SHOWN": 100, "CANDIDATES": 500, "PROBED": 50}.items():
        monkeypatch.setattr(listing, name, value)
    steps: list[int] = []

    def count() -> None:
        steps[-1] += 100

    @event.listens_for(engine, "before_cursor_execute")
    def begin(connection, *_):
        steps.append(0)
        driver: sqlite3.Connection = connection.connection.driver_connection
        driver.set_progress_handler(count, 100)

    rng = random.Random(3)
    with Session(engine) as session:
        for statement in MANY:
            session.execute(text(statement))
        steps.clear()
        for _ in range(300):
            asked = rng.sample(list(ASKED), rng.choice([1, 2, 3]))
            arguments = {name: rng.choice(ASKED[name]) for name in asked}
            limited = filters.requested(arguments)
            if limited.is_plain:
                continue
            order = Order(rng.choice(["severity", "vpr", "cvss", "firstSeen"]), rng.random() < 0.5)
            listing.page(session, limited, order, Page(1, 50), list)
            assert max(steps) < MOST_STEPS, arguments
