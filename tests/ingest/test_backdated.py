"""A scan imported after a newer one of its source: it fills the history of its own day and changes no present state."""

from __future__ import annotations

from datetime import date

import pytest

from hextrackr.ingest import estimate
from tests.support.exports import COLUMNS, export, row, scan
from tests.support.sql import EVENTS, LAST_SEEN

OPEN = f"SELECT id, severity, vpr, lifecycle, {LAST_SEEN} FROM findings f WHERE lifecycle <> 'resolved' ORDER BY id"
HISTORY = (
    f"SELECT e.import_id, a.key, e.kind, e.day FROM {EVENTS} e JOIN findings f ON f.id = e.finding_id "
    "JOIN assets a ON a.id = f.asset_id ORDER BY 1, 2"
)
NO_DATES = [column for column in COLUMNS if column not in ("first_observed", "last_seen")]


def day(number):
    return f"2026-08-{number:02}"


def seen(number):
    return f"{day(number)}T03:00:00.000Z"


def undated(hosts, **cells):
    """A scan that says nothing of days, so that the form's scan date counts."""
    rows = [row(host=f"host-{host}", asset_name=f"web{host}", **cells) for host in hosts]
    return export(rows, columns=NO_DATES)


def on(number):
    return {"scan_date": date(2026, 8, number)}


def test_it_changes_no_present_state(run_import, figures, query):
    run_import(scan([1, 2], last_seen=seen(15), severity="High", title="New name"))
    present, assets = query(OPEN), query("SELECT * FROM assets WHERE key = 'host-2'")
    late = run_import(scan([2, 3], last_seen=seen(8), severity="Low", title="Old name"))
    assert figures(late) == {}
    assert (late.summary["late"], late.summary["recorded"]) == (True, 1)
    assert query(OPEN) == present
    assert query("SELECT * FROM assets WHERE key = 'host-2'") == assets
    assert query("SELECT title FROM definitions") == [("New name",)]
    assert query("SELECT last_scan_date FROM sources") == [(day(15),)]


def test_it_fills_the_totals_of_its_own_day(run_import, query):
    run_import(scan([1, 2], last_seen=seen(15)))
    run_import(scan([2, 3], last_seen=seen(8), severity="Low"))
    assert query("SELECT severity, open FROM daily_totals WHERE day = '2026-08-08' AND open > 0") == [(1, 2)]
    assert query("SELECT severity, open FROM daily_totals WHERE day = '2026-08-15' AND open > 0") == [(3, 2)]


def test_what_only_it_has_seen_is_closed_by_the_next_scan_on_record(run_import, query):
    run_import(undated([1]), **on(10))
    run_import(undated([1]), **on(20))
    run_import(undated([1, 2]), **on(5))
    assert query(f"SELECT first_seen, {LAST_SEEN}, lifecycle, resolved_on FROM findings f ORDER BY id") == [
        (day(5), day(20), "active", None),
        (day(5), day(5), "resolved", day(10)),
    ]
    assert query(HISTORY) == [
        (1, "host-1", "opened", day(10)),
        (1, "host-2", "resolved", day(10)),
        (3, "host-2", "opened", day(5)),
    ]


def test_what_the_late_scan_calls_fixed_was_never_open(run_import, query):
    run_import(undated([1]), **on(10))
    run_import(undated([2], state="FIXED"), **on(5))
    assert query("SELECT lifecycle, resolved_on FROM findings WHERE lifecycle = 'resolved'") == [("resolved", day(5))]
    assert query(f"SELECT kind, day FROM {EVENTS} e WHERE import_id = 2") == [("resolved", day(5))]


@pytest.mark.parametrize("mode", ["hosts", "delta"])
def test_a_late_part_of_the_estate_does_not_pass_for_the_whole(run_import, query, mode):
    run_import(undated([1, 2]), **on(1))
    run_import(undated([1, 2]), **on(20))
    run_import(undated([1]), mode=mode, **on(5))
    assert query("SELECT sum(open) FROM daily_totals WHERE day = '2026-08-05'") == [(2,)]


def test_a_scan_of_the_same_day_is_not_late(run_import, figures):
    run_import(undated([1]), **on(10))
    assert figures(run_import(undated([1, 2]), **on(10))) == {"inserted": 1, "unchanged": 1}


def test_a_file_without_a_finding_makes_no_other_scan_late(run_import, figures, query):
    """It would be dated today, and the scan of yesterday that follows must count."""
    run_import(undated([1]), **on(1))
    run_import(export([]))
    assert query("SELECT last_scan_date FROM sources") == [(day(1),)]
    assert figures(run_import(undated([1, 2]), **on(2))) == {"inserted": 1, "unchanged": 1}


def test_the_bar_expects_each_phase_of_it(run_import):
    readings = []
    run_import(scan([1, 2], last_seen=seen(15)))
    run_import(scan([2, 3], last_seen=seen(8)), readings)
    phases = {reading.metadata["phase"] for reading in readings}
    assert "backdated" in phases
    assert phases <= {phase for planned in estimate.STEPS.values() for phase in planned}
