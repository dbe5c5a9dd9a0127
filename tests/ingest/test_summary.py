"""What an import says it did against the scan before of its source."""

from __future__ import annotations

from hextrackr.domain import summary
from hextrackr.domain.models import ImportState
from tests.support.exports import export, row, scan

NOTHING = {"count": 0, "names": []}


def names(record, subject, change):
    told = record.summary[subject][change]
    assert told["count"] == len(told["names"])
    return told["names"]


def test_by_severity(run_import):
    run_import(scan([1, 2], severity="Low"))
    record = run_import(scan([1], severity="Low"))
    assert list(record.summary["bySeverity"]) == ["critical", "high", "medium", "low", "info"]
    assert record.summary["bySeverity"]["low"] == {
        "inserted": 0, "updated": 0, "reopened": 0, "resolved": 1, "unchanged": 1, "open": 1,
    }  # fmt: skip


def test_hosts_that_are_new_or_gone(run_import):
    first = run_import(scan([1, 2]))
    assert names(first, "hosts", "new") == ["web1", "web2"]
    second = run_import(scan([2, 3]))
    assert (names(second, "hosts", "new"), names(second, "hosts", "gone")) == (["web3"], ["web1"])
    third = run_import(scan([1, 2, 3]))
    assert (names(third, "hosts", "new"), names(third, "hosts", "gone")) == (["web1"], [])


def test_a_host_that_keeps_a_finding_is_not_gone(run_import):
    run_import(scan([1], plugins=[1001, 1002]))
    assert run_import(scan([1], plugins=[1001])).summary["hosts"] == {"new": NOTHING, "gone": NOTHING}


def test_cves_that_are_new_or_gone(run_import):
    both = [row(cve="CVE-2026-1000,CVE-2026-2000"), row(plugin="1002", cve="CVE-2026-2000,CVE-2026-3000")]
    first = run_import(export(both))
    assert names(first, "cves", "new") == ["CVE-2026-1000", "CVE-2026-2000", "CVE-2026-3000"]
    second = run_import(export(both[1:]))
    assert names(second, "cves", "gone") == ["CVE-2026-1000"]
    third = run_import(export([row(plugin="1002", cve="CVE-2026-4000")]))
    assert names(third, "cves", "new") == ["CVE-2026-4000"]
    assert names(third, "cves", "gone") == ["CVE-2026-2000", "CVE-2026-3000"]


def test_other_sources_do_not_count(run_import):
    run_import(scan([1], cve="CVE-2026-1000"), source_label="a")
    assert names(run_import(scan([1], cve="CVE-2026-1000"), source_label="b"), "hosts", "new") == ["web1"]


def test_many_names_are_counted_and_only_some_are_told(run_import, monkeypatch):
    monkeypatch.setattr(summary, "MAX_NAMES", 3)
    told = run_import(scan(range(10, 20))).summary["hosts"]["new"]
    assert (told["count"], told["names"]) == (10, ["web10", "web11", "web12"])


def test_a_preview_tells_what_the_import_then_does(run_import, figures, query):
    run_import(scan([1, 2, 3]))
    found = query("SELECT * FROM findings")
    asked = run_import(scan([2, 3, 4]), preview=True)
    assert asked.state == ImportState.AWAITING_CONFIRMATION
    assert (query("SELECT * FROM findings"), figures(asked), asked.summary) == (found, {}, {})

    done = run_import(scan([2, 3, 4]))
    told = {name: asked.forecast[name] for name in ("inserted", "updated", "reopened", "resolved", "unchanged")}
    assert {name: number for name, number in told.items() if number} == figures(done)
    assert asked.forecast["summary"] == done.summary
