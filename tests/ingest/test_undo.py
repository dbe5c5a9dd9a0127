"""The latest import of a source is taken back: everything is as it was before."""

from __future__ import annotations

import pytest

from hextrackr.domain import undo
from hextrackr.errors import Conflict
from hextrackr.ingest import staging
from tests.support import versions
from tests.support.exports import export, row, scan
from tests.support.sql import LAST_SEEN
from tests.support.staging import dump

LEFT = "SELECT count(*) FROM {}"


def changing():
    """A scan that opens, changes, resolves, and changes its definitions' text and CVEs."""
    return export(
        [
            row(host="host-1", vpr="9.9", severity="Critical", title="Renamed", cve="CVE-2026-2000",
                last_seen="2026-09-01T00:00:00Z", description="other text"),
            row(host="host-4", asset_name="new", plugin="2000", title="New plugin", cve="CVE-2026-3000",
                last_seen="2026-09-01T00:00:00Z"),
        ]
    )  # fmt: skip


def test_everything_is_as_it_was(run_import, figures, engine):
    run_import(scan([1, 2, 3], cve="CVE-2026-1000,CVE-2026-2000", description="text"))
    before = dump(engine)
    record = run_import(changing())
    assert figures(record) == {"inserted": 1, "updated": 1, "resolved": 2}
    undo.undo_import(engine, record.id)
    assert dump(engine) == before


def test_the_first_import_goes_without_a_trace_but_its_own_row(run_import, engine, query):
    record = run_import(scan([1, 2]))
    undo.undo_import(engine, record.id)
    assert dump(engine) == {**dict.fromkeys(dump(engine), []), "sources": dump(engine)["sources"]}
    assert query("SELECT last_scan_date FROM sources") == [(None,)]
    assert query("SELECT state, undone_at > 0 FROM imports") == [("completed", 1)]


def test_several_are_taken_back_one_after_the_other(run_import, engine):
    states, ids = [], []
    for hosts in ([1], [1, 2], [2], [1, 2, 3]):
        states.append(dump(engine))
        ids.append(run_import(scan(hosts)).id)
        staging.clean_up(engine)
    for _ in range(undo.DEPTH):
        undo.undo_import(engine, ids.pop())
        assert dump(engine) == {**states[-1], "sources": dump(engine)["sources"]}
        states.pop()
    with pytest.raises(Conflict):
        undo.undo_import(engine, ids.pop())


def test_only_the_latest_of_its_source_can_be_taken_back(run_import, engine):
    first = run_import(scan([1]), source_label="a")
    other = run_import(scan([1]), source_label="b")
    second = run_import(scan([2]), source_label="a")
    before = dump(engine)
    with pytest.raises(Conflict, match="latest"):
        undo.undo_import(engine, first.id)
    assert dump(engine) == before
    undo.undo_import(engine, second.id)
    undo.undo_import(engine, other.id)
    undo.undo_import(engine, first.id)
    with pytest.raises(Conflict):
        undo.undo_import(engine, first.id)


def test_a_late_scan_is_taken_back(run_import, engine):
    run_import(scan([1, 2], last_seen="2026-08-15T00:00:00Z"))
    before = dump(engine)
    late = run_import(scan([2, 3], last_seen="2026-08-08T00:00:00Z", first_observed="2026-06-01T00:00:00Z"))
    assert dump(engine) != before
    undo.undo_import(engine, late.id)
    assert dump(engine) == before


def test_when_findings_were_seen_before_comes_back_day_by_day(run_import, engine, query):
    """Each was seen last on one of several days, and some are in the file of a later scan."""

    def hosts(numbers, day):
        return [row(host=f"host-{number}", last_seen=f"2026-08-{day:02}T00:00:00Z") for number in numbers]

    everywhere = range(127)
    for number, day in enumerate((1, 8, 15)):
        run_import(export([*hosts((host for host in everywhere if host % 3 >= number), day)]), mode="delta")
    before, days = dump(engine), query(f"SELECT {LAST_SEEN}, count(*) FROM findings f GROUP BY 1 ORDER BY 1")
    assert [count for _, count in days] == [43, 42, 42]
    again = run_import(export(hosts((host for host in everywhere if host % 5), 22)), mode="delta")
    assert dump(engine) != before
    undo.undo_import(engine, again.id)
    assert dump(engine) == before


def test_an_import_that_asks_or_failed_is_not_on_the_stack(run_import, engine):
    first = run_import(scan(range(100)))
    asking = run_import(scan([1]))
    assert asking.state == "awaiting-confirmation"
    with pytest.raises(Conflict):
        undo.undo_import(engine, asking.id)
    undo.undo_import(engine, first.id)


def test_values_that_no_undo_needs_are_swept(run_import, engine, query):
    run_import(scan([1, 2], severity="Low"))
    for severity in ("High", "Low", "High", "Low"):
        run_import(scan([1, 2], severity=severity))
    staging.clean_up(engine)
    assert query("SELECT DISTINCT import_id FROM undo_findings ORDER BY 1") == [(3,), (4,), (5,)]
    undo.undo_import(engine, 5)
    versions.let_pass(engine)
    staging.clean_up(engine)
    assert query("SELECT DISTINCT import_id FROM undo_findings ORDER BY 1") == [(3,), (4,)]
    assert query("SELECT DISTINCT import_id FROM undo_totals ORDER BY 1") == [(3,), (4,)]


def test_values_of_an_undone_import_stay_until_the_copy_has_followed(run_import, engine, query):
    run_import(scan([1, 2], severity="Low"))
    second = run_import(scan([1, 2], severity="High"))
    undo.undo_import(engine, second.id)
    staging.clean_up(engine)
    assert query("SELECT DISTINCT import_id FROM undo_findings") == [(second.id,)]
