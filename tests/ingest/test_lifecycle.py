"""What scans do to findings: new, updated, unchanged, resolved, reopened, within their own source."""

from __future__ import annotations

from datetime import date

import pytest

from hextrackr.domain import lifecycle
from hextrackr.domain.models import ImportState
from hextrackr.errors import Cancelled
from tests.support.exports import COLUMNS, export, row, scan
from tests.support.sql import EVENTS, LAST_SEEN

FINDINGS = (
    f"SELECT a.key, f.lifecycle, f.severity, f.vpr, f.first_seen, {LAST_SEEN}, f.resolved_on "
    "FROM findings f JOIN assets a ON a.id = f.asset_id ORDER BY a.key"
)
HISTORY = f"SELECT e.import_id, a.key, e.kind FROM {EVENTS} e JOIN findings f ON f.id = e.finding_id " \
         "JOIN assets a ON a.id = f.asset_id ORDER BY 1, 2"  # fmt: skip


def day(number: int) -> str:
    return f"2026-08-{number:02}"


def seen(number: int) -> str:
    return f"{day(number)}T03:00:00.000Z"


def test_the_first_scan_is_all_new(run_import, figures, query):
    record = run_import(scan([1, 2], last_seen=seen(1)))
    assert figures(record) == {"inserted": 2}
    assert (record.state, record.scan_date) == ("completed", date(2026, 8, 1))
    assert query(FINDINGS) == [
        ("host-1", "active", 3, None, "2026-07-01", day(1), None),
        ("host-2", "active", 3, None, "2026-07-01", day(1), None),
    ]


def test_what_is_absent_is_resolved_and_what_returns_is_reopened(run_import, figures, query):
    run_import(scan([1, 2, 3], last_seen=seen(1)))
    assert figures(run_import(scan([1, 2], last_seen=seen(8)))) == {"unchanged": 2, "resolved": 1}
    assert query(FINDINGS)[2] == ("host-3", "resolved", 3, None, "2026-07-01", day(1), day(8))
    assert figures(run_import(scan([1, 2, 3], last_seen=seen(15)))) == {"unchanged": 2, "reopened": 1}
    assert query(FINDINGS)[2] == ("host-3", "reopened", 3, None, "2026-07-01", day(15), None)
    assert figures(run_import(scan([1, 2, 3], last_seen=seen(22)))) == {"unchanged": 3}
    assert query(FINDINGS)[2][1] == "reopened"
    assert query(HISTORY)[3:] == [(2, "host-3", "resolved"), (3, "host-3", "reopened")]


def test_a_changed_value_is_an_update_with_the_values_before(run_import, figures, query):
    run_import(scan([1], vpr="5.0"))
    assert figures(run_import(scan([1], vpr="7.5", severity="Critical"))) == {"updated": 1}
    assert query(
        "SELECT kind, severity_before, severity, vpr_before, vpr FROM finding_changes WHERE import_id = 2"
    ) == [("changed", 3, 4, 5.0, 7.5)]


def test_a_column_left_out_erases_nothing(run_import, figures, query):
    run_import(scan([1], vpr="5.0", cve="CVE-2024-1000", description="long text"))
    few = [c for c in COLUMNS if c not in ("definition.vpr.score", "definition.cve", "definition.description")]
    assert figures(run_import(export([row()], columns=few))) == {"unchanged": 1}
    assert query("SELECT vpr FROM findings") == [(5.0,)]
    assert query("SELECT description, cve FROM definitions d JOIN definition_cves c ON c.definition_id = d.id") == [
        ("long text", "CVE-2024-1000")
    ]


def test_cves_follow_the_newest_export(run_import, query):
    run_import(scan([1], cve="CVE-2024-1000,CVE-2024-2000"))
    run_import(scan([1], cve="CVE-2024-2000,CVE-2024-3000"))
    assert query("SELECT cve FROM definition_cves ORDER BY cve") == [("CVE-2024-2000",), ("CVE-2024-3000",)]


def test_the_scanners_own_state(run_import, query):
    states = {"ACTIVE": "active", "NEW": "active", "RESURFACED": "reopened", "FIXED": "resolved"}
    run_import(export(row(host=state, asset_name=state, state=state) for state in states))
    found = query("SELECT a.key, lifecycle FROM findings f JOIN assets a ON a.id = f.asset_id")
    assert dict(found) == {state.casefold(): lifecycle for state, lifecycle in states.items()}


def test_what_the_scanner_calls_fixed_is_resolved_in_every_mode(run_import, figures):
    run_import(scan([1, 2]))
    fixed = export([row(host="host-1", asset_name="web1", title="Plugin 1001", state="FIXED")])
    assert figures(run_import(fixed, mode="delta")) == {"resolved": 1}
    assert figures(run_import(fixed, mode="delta")) == {"unchanged": 1}


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("full", {"unchanged": 1, "resolved": 3}),
        ("hosts", {"unchanged": 1, "resolved": 1}),
        ("delta", {"unchanged": 1}),
    ],
)
def test_modes(run_import, figures, mode, expected):
    run_import(scan([1, 2], plugins=[1001, 1002]))
    assert figures(run_import(scan([1], plugins=[1001]), mode=mode)) == expected


def test_sources_never_touch_each_other(run_import, figures, query):
    run_import(scan([1, 2]), source_label="Berlin")
    run_import(scan([3]), source_label="Paris")
    assert query("SELECT lifecycle, count(*) FROM findings GROUP BY 1") == [("active", 3)]
    assert figures(run_import(scan([1, 2]), source_label="Berlin")) == {"unchanged": 2}


@pytest.mark.parametrize(
    "content", [pytest.param(export([]), id="header only"), pytest.param(export([{}, {}]), id="blank rows only")]
)
def test_a_file_without_a_finding_resolves_nothing(run_import, figures, content):
    run_import(scan([1, 2]))
    record = run_import(content)
    assert record.state == "completed"
    assert record.resolved == 0
    assert "no finding" in record.warnings[0]


def test_a_file_of_fixed_findings_only_resolves_just_those(run_import, figures):
    run_import(scan([1, 2, 3]))
    assert figures(run_import(scan([1], state="FIXED"))) == {"resolved": 1}


@pytest.mark.parametrize(
    ("before", "after", "asks"),
    [
        pytest.param(20, 9, True, id="more than half"),
        pytest.param(20, 10, False, id="just half"),
    ],
)
def test_the_guard(run_import, query, before, after, asks):
    run_import(scan(range(before)))
    record = run_import(scan(range(after)))
    assert (record.state == ImportState.AWAITING_CONFIRMATION) is asks
    if asks:
        assert (record.forecast["resolved"], record.forecast["openBefore"]) == (before - after, before)
        assert record.resolved == 0
        assert query("SELECT count(*) FROM findings WHERE lifecycle = 'resolved'") == [(0,)]
        assert query("SELECT count(*) FROM finding_changes WHERE import_id = 2") == [(0,)]
        assert query("SELECT count(*) FROM staging_findings WHERE import_id = 2") == [(after,)]


def test_daily_totals(run_import, query):
    run_import(scan([1, 2], severity="High", vpr="2.5", last_seen=seen(1)))
    run_import(scan([1], severity="High", vpr="2.5", last_seen=seen(8)))
    run_import(scan([1, 2, 3], severity="High", vpr="2.5", last_seen=seen(8)))
    totals = "SELECT day, open, vpr_sum, opened, resolved, reopened FROM daily_totals WHERE severity = 3 ORDER BY day"
    assert query(totals) == [(day(1), 2, 5.0, 2, 0, 0), (day(8), 3, 7.5, 1, 1, 1)]


def test_an_import_that_was_ended_meanwhile_changes_nothing(run_import, query, engine, monkeypatch):
    run_import(scan([1]))
    before = query(FINDINGS)

    def end_it(*_arguments, **_options):
        raise Cancelled

    monkeypatch.setattr(lifecycle, "apply", end_it)
    with pytest.raises(Cancelled):
        run_import(scan([1, 2], severity="Low"))
    assert query(FINDINGS) == before
    assert query("SELECT count(*) FROM assets") == [(1,)]


def test_staging_says_how_many_rows_are_promoted(run_import):
    readings = []
    run_import(scan(range(30)), readings)
    opened = next(reading for reading in readings if reading.metadata["currentStep"] == 3)
    assert opened.message == "Staging complete. Processing 30 records to final tables..."
    assert opened.metadata["insertedToStaging"] == 30
    progress = [reading.progress for reading in readings]
    assert progress == sorted(progress)
