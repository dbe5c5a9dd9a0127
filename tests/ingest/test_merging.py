"""A source is merged into another one: one record of both, and none of what either had is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from hextrackr.domain import merging, sources, undo
from hextrackr.domain.models import ImportState
from hextrackr.errors import Conflict, HexTrackrError
from tests.ingest.test_properties import FEW, SCANS, expected, recorded, totals_agree, weights_agree
from tests.ingest.test_properties import fresh as fresh  # a fixture
from tests.support import ROOT
from tests.support.databases import rows
from tests.support.exports import export, row, scan
from tests.support.reference_model import PlainSource
from tests.support.sql import LAST_SEEN
from tests.support.staging import dump, promote

CHANGES = """
    SELECT c.import_id, a.key, d.key, f.port, c.kind, c.day, c.severity, c.severity_before
    FROM finding_changes c JOIN findings f ON f.id = c.finding_id
    JOIN assets a ON a.id = f.asset_id JOIN definitions d ON d.id = f.definition_id
"""
DAYS = """
    SELECT s.label, t.day, t.severity, t.open, t.opened, t.resolved, t.reopened
    FROM daily_totals t JOIN sources s ON s.id = t.source_id
"""


def looked_up(engine, statement):
    with engine.connect() as connection:
        return rows(connection, statement)


def numbers(engine):
    """The ids of the sources by their labels."""
    return {label: number for number, label in looked_up(engine, "SELECT id, label FROM sources")}


def added_up(found):
    """What was open on each day in all sources, and what changed."""
    by_source = {}
    for label, day, severity, *figures in found:
        by_source.setdefault((label, severity), {})[day] = figures
    days = sorted({day for of_source in by_source.values() for day in of_source})
    opened, changed = Counter(), Counter()
    for (_, severity), of_source in by_source.items():
        is_open = 0
        for day in days:
            is_open = of_source[day][0] if day in of_source else is_open
            opened[day, severity] += is_open
            for place, number in enumerate(of_source.get(day, (0, 0, 0, 0))[1:]):
                changed[day, severity, place] += number
    return opened, changed, days


@FEW
@given(before=st.lists(SCANS, max_size=6), after=st.lists(SCANS, max_size=3))
def test_the_merged_source_is_what_the_plain_model_says(fresh, before, after):
    """Also as more scans come in, under whichever label, and as these are undone."""
    engine, model = fresh(), {"a": PlainSource(), "b": PlainSource()}
    for source, day, mode, findings in before:
        promote(engine, source, day, mode, findings)
        model[source].take(day, mode, findings)
    ids = numbers(engine)
    if len(ids) == 2:
        changes, days = (looked_up(engine, statement) for statement in (CHANGES, DAYS))
        figures = merging.forecast(engine, ids["a"], ids["b"])
        assert recorded(engine) == expected(model)
        assert merging.merge(engine, ids["a"], ids["b"]) == figures
        assert figures.joined_findings == len(model["a"].findings.keys() & model["b"].findings.keys())
        model["b"].merge(model.pop("a"))
        assert numbers(engine) == {"b": ids["b"]}
        assert sorted(looked_up(engine, CHANGES)) == sorted(changes)
        opened, changed, last = added_up(days)
        opened_after, changed_after, _ = added_up(looked_up(engine, DAYS))
        assert changed_after == changed
        assert {at: count for at, count in opened_after.items() if at[0] != last[-1]} == {
            at: count for at, count in opened.items() if at[0] != last[-1]
        }
        assert sum(count for at, count in opened_after.items() if last and at[0] == last[-1]) == figures.open_after
        for import_id, _ in looked_up(engine, "SELECT id, place FROM imports WHERE place IS NOT NULL"):
            with pytest.raises(Conflict, match="older than the merge"):
                undo.undo_import(engine, import_id)
    assert recorded(engine) == expected(model)
    totals_agree(engine)
    weights_agree(engine)
    for label, day, mode, findings in after:
        source = label if label in model else "b"
        tables = dump(engine)
        import_id, state = promote(engine, label, day, mode, findings)
        assert state == ImportState.COMPLETED
        if findings and len(ids) == 2:
            undo.undo_import(engine, import_id)
            assert dump(engine) == tables
            promote(engine, label, day, mode, findings)
        model.setdefault(source, PlainSource()).take(day, mode, findings)
        assert recorded(engine) == expected(model)
        totals_agree(engine)
        weights_agree(engine)
    engine.dispose()


def host(name="", ip="", identifier="", **cells):
    return row(host=identifier, asset_name="", asset_display_fqdn=name, asset_display_ipv4_address=ip, **cells)


@pytest.fixture
def two(run_import, engine):
    """Import a file for the source a, and one a week later for the source b: their ids."""

    def run(first, second):
        run_import(export(first), source_label="a", scan_date=date(2026, 8, 1))
        run_import(export(second), source_label="b", scan_date=date(2026, 8, 8))
        return numbers(engine)

    return run


#: What a says of its hosts, what b says, and how many hosts of a become one of b's, into which of the two the merge goes.
#: The hosts of each case have its number in place of ``{n}``.
HOSTS = {
    "the same id, whatever else has moved": ([("web{n}", "10.{n}.0.1", "x{n}")], [("db{n}", "10.{n}.0.2", "x{n}")], 1),
    "the same name at another address": ([("web{n}", "10.{n}.0.1", "")], [("web{n}", "10.{n}.0.2", "")], 1),
    "a name without its domain, at the same address": (
        [("web{n}", "10.{n}.0.1", "")],
        [("web{n}.example.org", "10.{n}.0.1", "")],
        1,
    ),
    "the same address, one side without a name": ([("web{n}", "10.{n}.0.1", "")], [("", "10.{n}.0.1", "")], 1),
    "the same address that went to another machine": ([("web{n}", "10.{n}.0.1", "")], [("db{n}", "10.{n}.0.1", "")], 0),
    "the same name, other ids": ([("web{n}", "10.{n}.0.1", "x{n}")], [("web{n}", "10.{n}.0.1", "y{n}")], 1),
    "two that the other source knows to be one": (
        [("", "10.{n}.0.1", ""), ("", "10.{n}.0.2", "")],
        [("web{n}", "10.{n}.0.1, 10.{n}.0.2", "")],
        2,
    ),
    "a name that two hosts have": (
        [("web{n}", "10.{n}.0.9", "")],
        [("web{n}", "10.{n}.0.1", "x{n}"), ("web{n}", "10.{n}.0.2", "y{n}")],
        0,
    ),
}


def test_hosts_are_joined_as_those_of_a_file_are_with_the_record(two, engine, query):
    first, second = (
        [
            host(*(text.format(n=number) for text in known), plugin=case)
            for number, (case, sides) in enumerate(HOSTS.items(), start=1)
            for known in sides[side]
        ]
        for side in (0, 1)
    )
    ids = two(first, second)
    merging.merge(engine, ids["a"], ids["b"])
    counts = "SELECT d.key, count(DISTINCT asset_id), count(*) FROM findings f JOIN definitions d ON d.id = definition_id GROUP BY 1"
    expected_counts = {case: len(one) + len(other) - joined for case, (one, other, joined) in HOSTS.items()}
    assert {case: (hosts, findings) for case, hosts, findings in query(counts)} == {
        case: (count, count) for case, count in expected_counts.items()
    }
    assert query("SELECT count(*) FROM assets") == [(sum(expected_counts.values()),)]
    assert query("SELECT count(*) FROM asset_identifiers WHERE source_id <> ?", ids["b"]) == [(0,)]


def test_the_next_scan_of_either_source_goes_to_the_merged_one_and_knows_all_hosts(
    two, run_import, engine, query, figures
):
    both = [host("web1", "10.0.0.1"), host("web2", "10.0.0.2"), host("web3", "10.0.0.3")]
    ids = two(both[:2], both[1:])
    merging.merge(engine, ids["a"], ids["b"])
    for label in ("a", "b"):
        record = run_import(export(both), source_label=label, scan_date=date(2026, 8, 15))
        assert figures(record) == {"unchanged": 3}
        assert (record.source_id, record.source_label) == (ids["b"], "b")
    assert query("SELECT label FROM sources") == [("b",)]
    assert query("SELECT DISTINCT source_label FROM imports") == [("b",)]
    assert query("SELECT scan_date, place FROM imports ORDER BY place") == [
        ("2026-08-01", 1), ("2026-08-08", 2), ("2026-08-15", 3), ("2026-08-15", 4),
    ]  # fmt: skip


@pytest.mark.parametrize(("into", "merged"), [("b", "a"), ("a", "b")])
def test_the_newer_scan_tells_and_the_other_fills_in(two, engine, query, into, merged):
    ids = two(
        [
            host(
                "web1", "10.0.0.1", title="Old", cve="CVE-2026-1000", description="Only here", vpr="5.0", severity="Low"
            )
        ],
        [host("web1", "10.0.0.2", title="New", cve="CVE-2026-2000", severity="High")],
    )
    merging.merge(engine, ids[merged], ids[into])
    assert query("SELECT title, description FROM definitions") == [("New", "Only here")]
    assert query("SELECT cve FROM definition_cves") == [("CVE-2026-2000",)]
    assert query("SELECT kind, value FROM asset_identifiers ORDER BY 1") == [("address", "10.0.0.2"), ("name", "web1")]
    assert query(f"SELECT severity, vpr, {LAST_SEEN} FROM findings f") == [(3, 5.0, "2026-08-01")]


def test_what_the_scanners_saw_stays(run_import, engine, query):
    columns = [*sorted(row()), "asset.display_fqdn", "output"]
    for label, text in (("a", "seen by a"), ("b", "")):
        run_import(export([row(output=text)], columns), source_label=label)
    ids = numbers(engine)
    merging.merge(engine, ids["a"], ids["b"])
    assert query("SELECT e.text FROM findings f JOIN evidence e ON e.id = f.evidence_id") == [("seen by a",)]


def test_a_key_that_both_have_for_other_hosts_is_told_apart(two, run_import, engine, query):
    ids = two([host("web1", "10.0.0.1", "x")], [host("db1", "10.0.0.2", "y")])
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE assets SET key = 'same'")
    merging.merge(engine, ids["a"], ids["b"])
    assert query("SELECT key FROM assets ORDER BY id") == [("same #1",), ("same",)]


def test_the_file_that_was_imported_last_is_read_again(two, run_import, engine):
    first = scan([1])
    run_import(first, source_label="b", scan_date=date(2026, 8, 8), digest="0" * 64)
    run_import(scan([2]), source_label="a", scan_date=date(2026, 8, 1))
    ids = numbers(engine)
    merging.merge(engine, ids["a"], ids["b"])
    again = run_import(first, source_label="b", scan_date=date(2026, 8, 8), digest="0" * 64)
    assert "repeats" not in again.summary


def refusal_of(engine, source_id, into_id):
    before = dump(engine)
    for attempt in (merging.forecast, merging.merge):
        with pytest.raises(HexTrackrError) as refused:
            attempt(engine, source_id, into_id)
    assert dump(engine) == before
    return refused.value


def test_what_cannot_be_merged_is_refused(two, run_import, engine):
    ids = two([host("web1")], [host("web1")])
    assert refusal_of(engine, ids["a"], ids["a"]).code == "BAD_REQUEST"
    assert refusal_of(engine, ids["a"], 999).code == "UNKNOWN_SOURCE"
    asking = run_import(export([host("web1")]), source_label="a", preview=True)
    refused = refusal_of(engine, ids["b"], ids["a"])
    assert (refused.code, f"Import {asking.id} (scan.csv) waits for an answer" in refused.detail) == (
        "IMPORTS_UNFINISHED",
        True,
    )
    with Session(engine) as session, session.begin():
        sources.retire(session, ids["b"], date(2026, 9, 1))
    assert refusal_of(engine, ids["a"], ids["b"]).code == "SOURCE_RETIRED"
    with engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE sources SET scanner = 'qualys-vm', retired_on = NULL WHERE id = {ids['b']}")
    assert refusal_of(engine, ids["a"], ids["b"]).code == "SOURCES_UNLIKE"


def test_sources_of_scanners_that_number_alike_can_be_merged(two, run_import, engine):
    ids = two([host("web1")], [host("web1")])
    with engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE sources SET scanner = 'nessus-pro' WHERE id = {ids['b']}")
    assert merging.merge(engine, ids["a"], ids["b"]).joined_findings == 1
    with Session(engine) as session, session.begin():
        sources.rename(session, ids["b"], "c")
    for label in ("a", "a"):
        record = run_import(export([host("web1")]), source_label=label)
        assert (record.source_id, record.source_label) == (ids["b"], "c")


KILLED = """
import os, signal, sys
from hextrackr.db import engines
from hextrackr.domain import merging
setattr(merging, sys.argv[1], lambda *_: os.kill(os.getpid(), signal.SIGKILL))
merging.merge(engines.open_database(os.environ["MERGED"]), int(sys.argv[2]), int(sys.argv[3]))
"""


@pytest.mark.parametrize("step", ["_join_imports", "_check"])
def test_a_merge_that_is_killed_changes_nothing(two, engine, config, step):
    """With half of it done, and with all done but the commit."""
    ids = two([host("web1"), host("web2")], [host("web1")])
    before = dump(engine)
    engine.dispose()
    environment = {**os.environ, "MERGED": config.database_url}
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, step, str(ids["a"]), str(ids["b"])], env=environment, cwd=ROOT
    )
    assert ended.returncode == -signal.SIGKILL
    assert dump(engine) == before
    merging.merge(engine, ids["a"], ids["b"])
