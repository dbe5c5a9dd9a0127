"""An import never resolves what it did not check: rejected rows, rows without a verdict, scans that come late; and the guard that asks."""

from __future__ import annotations

from datetime import date, timedelta

from hextrackr.domain import resolve_guard, verdicts
from hextrackr.domain.models import ImportMode
from tests.support.exports import COLUMNS, export, row, scan
from tests.support.reference_model import Row
from tests.support.staging import promote

OPEN = "SELECT count(*) FROM findings WHERE lifecycle <> 'resolved'"


def findings(*plugins, **cells):
    return [row(plugin=str(plugin), title=f"Plugin {plugin}", **cells) for plugin in plugins]


def lines(*rows):
    return export(rows).decode().splitlines()


def test_a_rejected_row_protects_its_finding_and_no_other(run_import, figures):
    run_import(export(findings(1, 2, 3, 4, 5)))
    unreadable = [
        *findings(2, severity="Superbad"), *findings(3, port="many"), *findings(4, severity="Superbad", port="many"),
    ]  # fmt: skip
    record = run_import(export([*findings(1), *unreadable]))
    assert figures(record) == {"unchanged": 1, "resolved": 1, "rejected": 3}
    assert record.summary["unchecked"] == 3


def test_a_rejected_row_without_a_plugin_protects_its_host(run_import, figures):
    run_import(
        export(
            [*findings(1, 2), *findings(1, 2, host="host-2", asset_name="web2", asset_display_ipv4_address="10.0.0.2")]
        )
    )
    unnamed = row(plugin="", title="", host="host-2", asset_name="web2", asset_display_ipv4_address="10.0.0.2")
    record = run_import(export([*findings(1), unnamed]))
    assert figures(record) == {"unchanged": 1, "resolved": 1, "rejected": 1}
    assert record.summary["unchecked"] == 2


def test_a_rejected_row_without_a_host_protects_the_source(run_import, figures, query):
    run_import(export(findings(1, 2, 3)))
    nobody = {"host": "", "asset_name": "", "asset_display_ipv4_address": ""}
    record = run_import(export([*findings(1), row(plugin="9", **nobody)]))
    assert figures(record) == {"unchanged": 1, "rejected": 1}
    assert record.summary["unchecked"] == 2
    assert query(OPEN) == [(3,)]


def test_a_row_that_is_no_row_protects_the_source(run_import, figures, query):
    run_import(export(findings(1, 2, 3)))
    cut = lines(*findings(1, 2))
    cut.insert(2, cut[2][:40])
    record = run_import("\r\n".join([*cut, ""]).encode())
    assert figures(record) == {"unchanged": 2, "rejected": 1}
    assert query(OPEN) == [(3,)]


def test_a_host_that_only_rejected_rows_name_is_not_taken_on_record(run_import, query):
    run_import(export([*findings(1), *findings(2, host="host-2", asset_name="web2", severity="Superbad")]))
    assert query("SELECT key FROM assets") == [("host-1",)]
    assert query("SELECT key FROM definitions") == [("1",)]


def test_a_rejected_row_that_another_row_makes_up_for_protects_nothing_else(run_import, figures):
    run_import(export(findings(1, 2)))
    assert figures(run_import(export([*findings(1, 2), *findings(2, severity="Superbad")]))) == {
        "unchanged": 2,
        "rejected": 1,
    }


def rapid7(*codes):
    columns = ("Test Result Code", "ID", "Severity Level", "Title")
    header = ",".join(
        ["Asset IP Address,Service Port,Service Protocol", *(f"Vulnerability {name}" for name in columns)]
    )
    rows = [f"192.0.2.1,443,tcp,{code},v{number},8,Title {number}" for number, code in enumerate(codes)]
    return "\r\n".join([header, *rows, ""]).encode()


def test_what_is_no_verdict_leaves_a_finding_as_it_was(run_import, figures, query):
    codes = ("er", "uk", "nt", "sd", "ds", "ee", "ev", "ep", "zz")
    run_import(rapid7("vv", "vv", *("vv" for _ in codes)), scan_date=date(2026, 8, 1))
    unchecked = "SELECT * FROM findings WHERE id > 2 ORDER BY id"
    before = query(unchecked)
    record = run_import(rapid7("vv", "", *codes), scan_date=date(2026, 8, 8))
    assert figures(record) == {"unchanged": 2}  # no code is as good as one
    assert query(unchecked) == before
    last = run_import(rapid7("vv", "vv", *("nv" for _ in codes)), scan_date=date(2026, 8, 15), confirmed=True)
    assert last.resolved == len(codes)


def test_what_is_no_verdict_opens_nothing(run_import, query):
    run_import(rapid7("vv", "ee"))
    assert query("SELECT count(*) FROM findings") == [(1,)]


def late(hosts, number, mode="full"):
    return {"content": scan(hosts, last_seen=f"2026-08-{number:02}T03:00:00.000Z"), "mode": mode}


def test_a_late_part_leaves_open_what_no_scan_has_looked_for_since(run_import, query, figures):
    run_import(**late([1], 20, "delta"))
    record = run_import(**late([2], 10, "hosts"))
    assert figures(record) == {"inserted": 1}
    assert record.summary["late"] is True
    assert query("SELECT lifecycle FROM findings") == [("active",), ("active",)]
    assert query("SELECT sum(critical + high + medium + low + info) FROM asset_weights") == [(2,)]


def test_a_late_part_closes_what_a_later_scan_of_the_host_did_not_see(run_import, query):
    run_import(**late([1], 20, "hosts"))
    run_import(scan([1], plugins=(1001, 1002), last_seen="2026-08-10T03:00:00.000Z"), mode="hosts")
    assert query("SELECT lifecycle, resolved_on FROM findings ORDER BY id") == [
        ("active", None),
        ("resolved", "2026-08-20"),
    ]


def test_a_late_scan_is_not_closed_by_one_with_rejected_rows(run_import, query):
    run_import(export([*findings(1), *findings(2, severity="Superbad")]))
    run_import(export(findings(1, 2)), scan_date=date(2026, 7, 1))
    assert query("SELECT lifecycle FROM findings ORDER BY id") == [("active",), ("active",)]


def asked(record):
    return [reason["reason"] for reason in record.forecast.get("guard", [])]


def test_the_guard_asks_of_a_small_source(run_import, query):
    run_import(export(findings(*range(5))))
    record = run_import(export(findings(9)))
    assert (record.state, asked(record)) == ("awaiting-confirmation", ["share", "hosts"])
    assert record.forecast["guard"][0]["sentence"] == "5 of the 5 open findings of this source are not in the file."
    assert query(OPEN) == [(5,)]


def test_the_guard_asks_nothing_below_five(run_import, figures):
    run_import(export(findings(*range(4))))
    assert figures(run_import(export(findings(9)))) == {"inserted": 1, "resolved": 4}


def test_the_guard_notices_a_filter_by_severity(run_import):
    rows = [
        *findings(*range(20), severity="High"),
        *findings(*range(20, 23), severity="Low"),
        *findings(23, 24, severity="Info"),
    ]
    run_import(export(rows))
    record = run_import(export(rows[:20]))
    assert (record.state, asked(record)) == ("awaiting-confirmation", ["lowest-severity"])
    assert record.forecast["guard"][0]["severities"] == ["Info", "Low"]


def test_that_all_criticals_are_fixed_is_no_question(run_import, figures):
    rows = [*findings(*range(20), severity="Low"), *findings(*range(20, 30), severity="Critical")]
    run_import(export(rows))
    assert figures(run_import(export(rows[:20]))) == {"unchanged": 20, "resolved": 10}


def test_the_guard_notices_hosts_that_are_gone(run_import):
    many = [*findings(*range(20), host="h0", asset_name="w0")]
    few = [row(plugin="1", title="Plugin 1", host=f"h{host}", asset_name=f"w{host}") for host in range(1, 8)]
    for place, cells in enumerate([*many, *few]):
        cells["asset.display_ipv4_address"] = f"10.0.1.{0 if place < 20 else place}"
    run_import(export([*many, *few]))
    record = run_import(export([*many, *few[:2]]))
    assert (record.state, asked(record)) == ("awaiting-confirmation", ["hosts"])


def test_the_guard_notices_columns_that_are_gone(run_import):
    rows = findings(*range(20))
    run_import(export(rows))
    columns = [column for column in COLUMNS if column != "definition.cve"]
    record = run_import(export(rows[:15], columns))
    assert (record.state, asked(record)) == ("awaiting-confirmation", ["columns"])
    assert record.forecast["guard"][0]["columns"] == ["definition.cve"]
    assert run_import(export(rows[:15])).state == "completed"


def test_a_year_of_ordinary_scans_asks_nothing(engine):
    """A tenth gone, a twentieth new, hosts that come and go: nothing of it is a question."""
    hosts = {host: set(range(host % 7, host % 7 + 12)) for host in range(30)}
    start, chance = date(2025, 8, 1), 0

    def is_drawn(one_in):
        nonlocal chance
        chance = (chance * 1_103_515_245 + 12_345) % 2**31
        return (chance >> 8) % one_in == 0

    for week in range(52):
        rows = {
            (f"h{host}", f"{plugin}", 443): Row(severity=plugin % 5, state=verdicts.OPEN)
            for host, plugins in hosts.items()
            if not is_drawn(10)
            for plugin in plugins
        }
        _, state = promote(engine, "a", start + timedelta(weeks=week), ImportMode.FULL, rows, confirmed=False)
        assert (week, state) == (week, "completed")
        hosts = {
            host: {plugin for plugin in plugins if not is_drawn(10)} | ({50 + week} if is_drawn(2) else set())
            for host, plugins in hosts.items()
        }


def test_names_in_a_question_are_few():
    assert resolve_guard._named([f"n{number}" for number in range(7)]) == "n0, n1, n2, n3, n4 and 2 more"


def test_the_guard_asks_where_a_file_does_not_say_any_more_what_is_there(run_import):
    """Without its result code a test that found nothing looks like a finding."""
    run_import(rapid7("vv", "nv"), scan_date=date(2026, 8, 1))
    without = b"\r\n".join(
        b",".join(cell for place, cell in enumerate(line.split(b",")) if place != 3)
        for line in rapid7("vv", "nv").split(b"\r\n")
    )
    record = run_import(without, scan_date=date(2026, 8, 8))
    assert (record.state, asked(record)) == ("awaiting-confirmation", ["columns"])
    assert "it would open 1 finding." in record.forecast["guard"][0]["sentence"]
