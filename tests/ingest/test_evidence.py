"""What the scanner saw of each finding, and what else a file says: files in, texts out."""

from __future__ import annotations

import csv
import io
import json
import os
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import text, update

from hextrackr.domain import evidence as saved_evidence
from hextrackr.domain import staged, undo
from hextrackr.domain.models import Import
from hextrackr.errors import DatabaseUnavailable
from hextrackr.ingest import cell_sql, dialect, estimate, formats, staging
from tests.support import ROOT, versions
from tests.support.exports import COLUMNS, export, row

EVIDENCE = """
    SELECT a.key, d.key, f.port, e.text FROM findings f JOIN assets a ON a.id = f.asset_id JOIN definitions d ON d.id = f.definition_id
    LEFT JOIN evidence e ON e.id = f.evidence_id ORDER BY 1, 2, 3
"""
WITH_OUTPUT = (*COLUMNS, "output", "asset.tags", "asset.display_mac_address", "definition.cwe", "recast_reason")
FILES = sorted((ROOT / "tests" / "data").glob("*/*.csv"))
SCANS = sorted(Path(os.environ.get("SCANS_DIR", ROOT.parent / "shared" / "scans")).glob("[!h]*/*.csv"))


def table(*rows: dict[str, str]) -> bytes:
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, list(dict.fromkeys(name for each in rows for name in each)), restval="")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue().encode()


def scan(*rows: dict[str, str]) -> bytes:
    return export(rows, columns=WITH_OUTPUT)


@pytest.fixture
def evidence(query):
    return lambda: [text for *_, text in query(EVIDENCE)]


@pytest.fixture
def details(query):
    def of(table_name):
        return [json.loads(text or "{}") for (text,) in query(f"SELECT details FROM {table_name} ORDER BY key")]

    return of


# fmt: off
#: A row of each scanner, its evidence, and details of its host and of its vulnerability.
ROWS = [
    pytest.param(
        {"Plugin ID": "1", "Risk": "High", "Host": "h1", "Protocol": "tcp", "Port": "443", "Name": "Old", "Synopsis": "s",
         "Description": "d", "Plugin Output": "saw\nthis", "BID": "17", "STIG Severity": "II", "MAC Address": "00:01"},
        "saw\nthis", {"MAC Address": "00:01"}, {"Bugtraq ID": "17", "STIG severity": "II", "Synopsis": "s"}, id="nessus-pro",
    ),
    pytest.param(
        {"Plugin ID": "1", "Risk": "high", "Host": "h1", "Port": "443", "Name": "Old", "CVSS": "5.0", "CVSSv3": "5.5",
         "Plugin Output": "saw"},
        "saw", {}, {"CVSS": "5.0"}, id="nessus-was",
    ),
    pytest.param(
        {"Plugin ID": "1", "Risk": "High", "Host": "h1", "Port": "443", "Name": "Old", "Plugin Output": "saw", "Asset UUID": "u1",
         "Vulnerability State": "Active", "System Type": "general", "CVSS Temporal Score": "4.1"},
        "saw", {"System Type": "general"}, {"CVSS v2 temporal score": "4.1"}, id="tenable-io-legacy",
    ),
    pytest.param(
        {"Plugin": "1", "Plugin Name": "Old", "Severity": "High", "IP Address": "10.0.0.1", "Port": "443", "Plugin Text": "saw",
         "Repository": "inner", "Exploit?": "Yes", "Recast Risk Comment": "as agreed"},
        "saw\n\nRecast: as agreed", {"Repository": "inner"}, {"Exploit available": "Yes"}, id="tenable-sc",
    ),
    pytest.param(
        {"definition.id": "1", "definition.name": "Old", "asset.name": "h1", "severity": "High", "port": "443", "output": "saw",
         "asset.tags": "a:b", "asset.something.new": "n", "definition.cwe": "79", "definition.vpr.drivers_threat_intensity": "Low"},
        "saw", {"Tags": "a:b", "Something new": "n"}, {"CWE": "79", "Vpr drivers threat intensity": "Low"}, id="tenable-vm",
    ),
    pytest.param(
        {"IP": "10.0.0.1", "QID": "1", "Title": "Old", "Severity": "4", "Port": "443", "Results": "<P>saw</P> it", "Threat": "t",
         "Impact": "i<BR>j", "Network": "n1", "SSL": "yes"},
        "saw\nit\n\nSSL: yes", {"Network": "n1"}, {"Impact": "i\nj"}, id="qualys-vm",
    ),
    pytest.param(
        {"QID": "1", "Title": "Old", "Severity": "4", "Asset Id": "7", "Status": "ACTIVE", "Results": "saw", "Asset Tags": "t", "QDS": "40",
         "RTI": "Exploit_Public", "Port": "443", "Detection AGE": "4"},
        "saw\n\nQDS: 40", {"Tags": "t"}, {"Real-time threat indicators": "Exploit_Public"}, id="qualys-vmdr",
    ),
    pytest.param(
        {"Asset IP Address": "10.0.0.1", "Vulnerability ID": "old", "Vulnerability Title": "Old", "Vulnerability Severity Level": "9",
         "Service Port": "443", "Vulnerability Proof": "<p>saw</p>", "Asset Location": "Berlin", "Exploit Count": "2",
         "Service Name": "ssh"},
        "saw\n\nService: ssh", {"Location": "Berlin"}, {"Exploits": "2"}, id="rapid7",
    ),
    pytest.param(
        {"IP": "10.0.0.1", "NVT OID": "1.2", "NVT Name": "Old", "Severity": "High", "Port": "443", "Specific Result": "saw", "QoD": "80",
         "Summary": "s", "Impact": "i"},
        "saw\n\nQuality of detection: 80", {}, {"Impact": "i"}, id="openvas",
    ),
    pytest.param(
        {"Title": "Old", "Severity": "HIGH", "Status": "OPEN", "Resource external ID": "r1", "Control ID": "c1", "Resource Name": "vm",
         "Resource original JSON": '{"a": 1}', "Subscription Name": "prod", "Note": "n"},
        '{"a": 1}\n\nNote: n', {"Subscription": "prod"}, {}, id="wiz",
    ),
    pytest.param(
        {"recommendationName": "r", "recommendationDisplayName": "Old", "resourceId": "/x", "severity": "High", "state": "Unhealthy",
         "subscriptionName": "prod", "controls": "Encrypt", "owner": "me"},
        "Owner: me", {"Subscription": "prod"}, {"Controls": "Encrypt"}, id="azure",
    ),
    pytest.param(
        {"DeviceId": "1", "CveId": "CVE-2026-1", "SoftwareName": "openssl", "SoftwareVersion": "1.0", "DiskPaths": "/usr/lib",
         "VulnerabilitySeverityLevel": "High", "OSVersion": "12", "IsExploitAvailable": "1"},
        "Software: openssl\nVersion: 1.0\nDisk paths: /usr/lib", {"OS version": "12"}, {"Exploit available": "1"}, id="defender-tvm",
    ),
    pytest.param(
        {"Target": "image", "Vulnerability ID": "CVE-2026-1", "Severity": "HIGH", "PackageName": "zlib", "Installed Version": "1.0",
         "Fixed Version": "1.1", "Additional Reference": "more"},
        "Package: zlib\nInstalled version: 1.0\nFixed version: 1.1", {}, {"More references": "more"}, id="trivy",
    ),
    pytest.param(
        {"Vulnerability Name": "Old", "IP": "10.0.0.1", "Target Name": "t", "Severity": "H", "Port": "443", "Evidence": "saw",
         "Domain": "d"},
        "saw", {"Domain": "d"}, {}, id="trustwave",
    ),
    pytest.param(
        {"hostname": "h1", "severity": "High", "plugin_name": "Old", "evidence": "saw", "output": "more", "mac_address": "00:01",
         "cwe": "79"},
        "saw\n\nmore", {"MAC address": "00:01"}, {"CWE": "79"}, id="generic",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("cells", "text", "host", "vulnerability"), ROWS)
def test_what_each_scanner_saw_is_kept(request, run_import, evidence, details, cells, text, host, vulnerability):
    record = run_import(table(cells))
    assert record.scanner == request.node.callspec.id
    assert evidence() == [text]
    assert details("assets") == [{**details("assets")[0], **host}]
    assert details("definitions") == [{**details("definitions")[0], **vulnerability}]


@pytest.mark.parametrize("path", [*FILES, *SCANS], ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_column_is_kept_or_named_as_not_used(path):
    sample = path.read_bytes()[: dialect.SAMPLE_BYTES]
    found = dialect.detect(sample, complete=path.stat().st_size == len(sample), is_header=formats.is_header)
    recognised = formats.recognise(found.header)
    unused = {name.strip() for place, name in enumerate(found.header) if place not in recognised.used}
    # Numbers of one result or scan, and what is another number each day.
    assert unused <= {
        "age_in_days", "id", "scan.id", "Task ID", "Result ID", "Detection AGE", "Times Detected", "Vulnerability Age",
    }, unused  # fmt: skip


def test_real_exports_are_looked_at():
    if not SCANS:
        pytest.skip("no real exports here (SCANS_DIR names the folder)")


def test_a_column_that_no_format_knows_is_named(run_import):
    record = run_import(table({"hostname": "h", "severity": "High", "plugin_name": "Old", "colour": "red", "": "x"}))
    assert record.recognition["unusedColumns"] == ["colour", "column 5, without a name"]


def test_a_text_is_stored_once(run_import, query, evidence):
    run_import(
        scan(*(row(host=f"h{number}", output="the same") for number in range(20)), row(host="h99", output="another"))
    )
    assert query("SELECT count(*) FROM evidence") == [(2,)]
    assert evidence() == ["the same"] * 20 + ["another"]
    run_import(scan(row(host="x", output=" the same ")), source_label="another source")
    assert query("SELECT count(*) FROM evidence") == [(2,)]


def test_equal_texts_that_are_written_differently_are_one(run_import, query, evidence):
    run_import(scan(row(host="h1", output="a\r\nb"), row(host="h2", output="a\nb "), row(host="h3", output="a\nb")))
    assert query("SELECT count(*) FROM evidence") == [(1,)]
    assert evidence() == ["a\nb"] * 3


@pytest.mark.parametrize("backwards", [False, True])
def test_rows_of_one_finding_are_joined_in_any_order(run_import, query, evidence, backwards):
    rows = [
        row(output="b"),
        row(output="a", cve="CVE-2026-1"),
        row(output="b", cve="CVE-2026-2"),
        row(host="h2", output="a"),
    ]
    run_import(scan(*(reversed(rows) if backwards else rows)))
    assert evidence() == ["a", "a\n\nb"]
    assert query("SELECT count(*) FROM evidence") == [(2,)]


def test_what_is_longer_than_the_bound_is_cut_with_a_mark_and_a_warning(run_import, query, evidence, details):
    record = run_import(
        scan(
            row(host="h1", output="x" * 100_000, asset_tags="t"),
            row(host="h2", output="y" * 40_000, title="T" * 5000), row(host="h2", output="z" * 40_000, title="T" * 5000),
            row(host="h3", plugin="7", description="d" * 70_000) | {"asset.tags": "t" * 5_000, "definition.cwe": "c" * 4_001},
            row(host="h4", plugin="8", title="many", cve=",".join(f"CVE-2026-{number}" for number in range(10_000, 12_500))),
        )
    )  # fmt: skip
    first, second, *_ = evidence()
    assert (len(first), len(second)) == (cell_sql.TEXT, cell_sql.TEXT)
    assert first == "x" * (cell_sql.TEXT - len(cell_sql.CUT_MARK)) + cell_sql.CUT_MARK
    assert second.startswith("y" * 40_000 + "\n\n" + "z") and second.endswith(cell_sql.CUT_MARK)
    assert query("SELECT length(title) FROM definitions WHERE key = '1001'") == [(1_000,)]
    assert query("SELECT length(description) FROM definitions WHERE key = '7'") == [(cell_sql.TEXT,)]
    assert query("SELECT count(*) FROM definition_cves") == [(2_000,)]
    tags = next(found["Tags"] for found in details("assets") if found)
    assert len(tags) == cell_sql.MAX_VALUE and tags.endswith(cell_sql.CUT_MARK)
    assert sorted(warning for warning in record.warnings if "cut" in warning or "left out" in warning) == [
        "2 details were longer than the limit, and cut; a mark shows where.",
        "2 texts of evidence were longer than the limit, and cut; a mark shows where.",
        "2 texts of vulnerabilities were longer than the limit, and cut; a mark shows where.",
        "A vulnerability names more than 2,000 CVEs; 500 were left out.",
    ]


def test_all_details_together_are_bounded(run_import, details):
    many = {f"asset.tag_{number}": f"{number}" * 2_000 for number in range(60)}
    run_import(table({**{name: cell for name, cell in row().items() if cell}, **many}))
    [found] = details("assets")
    assert len(found) == 60
    assert len(json.dumps(found)) <= cell_sql.TEXT


def day(number: int) -> dict[str, str]:
    return {"last_seen": f"2026-08-{number:02}T03:00:00Z"}


def test_the_latest_scan_tells(run_import, evidence, figures, engine, query):
    run_import(
        scan(row(host="h1", output="one", **day(1)), row(host="h2", output="one", **day(1)), row(host="h3", **day(1)))
    )
    second = run_import(
        scan(row(host="h1", output="two", **day(8)), row(host="h2", **day(8)), row(host="h3", output="one", **day(8)))
    )
    assert figures(second) == {"unchanged": 3}
    assert evidence() == ["two", "one", "one"]  # what a file leaves out erases nothing
    run_import(scan(row(host="h1", output="old", **day(4)), row(host="h4", output="gone", **day(4))))
    assert evidence() == ["two", "one", "one", "gone"]
    staging.clean_up(engine)
    assert query("SELECT text FROM evidence ORDER BY 1") == [("gone",), ("one",), ("two",)]


def test_an_undo_brings_back_what_was_before(run_import, evidence, details, engine, query):
    run_import(
        scan(
            row(host="h1", output="one", **day(1)) | {"asset.tags": "a", "definition.cwe": "1"},
            row(host="h2", **day(1)),
        )
    )
    before = (evidence(), details("assets"), details("definitions"))
    second = run_import(
        scan(
            row(host="h1", output="two", **day(8)) | {"asset.tags": "b", "definition.cwe": "2"},
            row(host="h2", output="new", **day(8)) | {"asset.tags": "c"}, row(host="h3", output="three", **day(8)),
        )
    )  # fmt: skip
    assert evidence() == ["two", "new", "three"]
    assert details("assets") == [{"Tags": "b"}, {"Tags": "c"}, {}]
    undo.undo_import(engine, second.id)
    assert (evidence(), details("assets"), details("definitions")) == before
    versions.let_pass(engine)
    staging.clean_up(engine)
    assert query("SELECT text FROM evidence") == [("one",)]
    assert query("SELECT (SELECT count(*) FROM undo_evidence) + (SELECT count(*) FROM undo_details)") == [(0,)]


def test_texts_that_an_undo_would_need_are_kept_as_long_as_it_can_be_done(run_import, engine, query):
    for number in range(1, undo.DEPTH + 3):
        run_import(scan(row(output=f"scan {number}", **day(number))))
        staging.clean_up(engine)
    kept = [f"scan {number}" for number in range(2, undo.DEPTH + 3)]
    assert [text for (text,) in query("SELECT text FROM evidence ORDER BY 1")] == kept
    assert query("SELECT count(*) FROM staging_evidence") == [(0,)]


def test_details_are_merged_by_their_labels(run_import, details):
    run_import(
        scan(
            row(**day(1))
            | {"asset.tags": 'a "b" \\ é\x01 <i>', "asset.display_mac_address": "00:01", "definition.cwe": "79"}
        )
    )
    first = details("assets")
    assert first == [{"MAC address": "00:01", "Tags": 'a "b" \\ é\x01 <i>'}]
    run_import(scan(row(**day(8)) | {"asset.tags": "c", "definition.cwe": ""}))
    assert details("assets") == [{"MAC address": "00:01", "Tags": "c"}]
    assert details("definitions") == [{"CWE": "79"}]
    run_import(scan(row(**day(4)) | {"asset.tags": "late", "definition.cwe": "late"}))
    assert details("assets") == [{"MAC address": "00:01", "Tags": "c"}]


def test_nothing_is_written_when_nothing_differs(run_import, query):
    content = scan(
        row(output="one") | {"asset.tags": "a / \u2028 é", "definition.cwe": "1"}, row(host="h2", output="one")
    )
    run_import(content)
    run_import(content)
    assert query("SELECT (SELECT count(*) FROM undo_evidence) + (SELECT count(*) FROM undo_details)") == [(0,)]


def test_a_question_before_promotion_leaves_everything_as_it_was(run_import, query, evidence):
    run_import(scan(*(row(host=f"h{number:02}", output="one", **day(1)) for number in range(50))))
    asked = run_import(scan(row(host="h01", output="two", **day(8))))
    assert asked.state == "awaiting-confirmation"
    assert set(evidence()) == {"one"}


TEXTS = "SELECT text FROM evidence ORDER BY text"


def end(engine, record, state):
    with engine.begin() as connection:
        connection.execute(update(Import).where(Import.id == record.id).values(state=state))


def test_texts_of_an_import_are_kept_until_it_has_ended(run_import, engine, query):
    run_import(scan(*(row(host=f"h{number:02}", output="one", **day(1)) for number in range(50))))
    asked = run_import(scan(row(host="h01", output="two", **day(8))))
    run_import(scan(row(output="one")), source_label="another source")
    staging.clean_up(engine)
    assert query(TEXTS) == [("one",), ("two",)]
    end(engine, asked, "cancelled")
    staging.clean_up(engine)
    assert query(TEXTS) == [("one",)]


def test_texts_of_an_import_that_fails_are_removed(run_import, engine, query, monkeypatch):
    def fail(*_):
        raise DatabaseUnavailable("")

    run_import(scan(row(output="one")))
    monkeypatch.setattr(staged, "require_whole", fail)
    with pytest.raises(DatabaseUnavailable):
        run_import(scan(row(output="one"), row(host="h2", output="two")))
    staging.clean_up(engine)
    assert query(TEXTS) == [("one",), ("two",)]
    with engine.begin() as connection:
        connection.execute(update(Import).where(Import.state == "staging").values(state="failed"))
    staging.clean_up(engine)
    assert query(TEXTS) == [("one",)]
    assert query("SELECT count(*) FROM staging_evidence") == [(0,)]


def test_a_text_that_is_staged_while_the_sweep_runs_is_kept(run_import, engine, query, monkeypatch):
    run_import(scan(row(output="one"), row(host="h2", output="two")))
    with engine.begin() as connection:
        connection.execute(text("UPDATE findings SET evidence_id = NULL"))

    def stage(connection):
        staged = "INSERT INTO staging_evidence SELECT 99, id, digest FROM evidence WHERE text = 'two'"
        connection.execute(text(staged))
        return True

    monkeypatch.setattr(saved_evidence, "may_remove_texts", stage)
    staging.clean_up(engine)
    assert query(TEXTS) == [("two",)]


def test_many_texts_are_put_on_record_in_batches(run_import, query, evidence, monkeypatch):
    monkeypatch.setattr(staging, "BATCH_TEXTS", 7)
    rows = [row(host=f"h{number:02}", output=f"text {number % 25:02}\\n\t") for number in range(50)]
    run_import(scan(*rows))
    assert evidence() == [f"text {number % 25:02}\\n" for number in range(50)]
    run_import(scan(*rows), source_label="another source")
    assert query("SELECT count(*), count(DISTINCT digest) FROM evidence") == [(25, 25)]


def test_a_passed_test_says_nothing_of_what_was_found(run_import, evidence):
    cells = {"Asset IP Address": "10.0.0.1", "Vulnerability ID": "old", "Vulnerability Title": "Old", "Vulnerability Severity Level": "9",
             "Vulnerability Test Result Code": "vv", "Vulnerability Proof": "saw"}  # fmt: skip
    run_import(table(cells), scan_date=date(2026, 8, 1))
    run_import(
        table({**cells, "Vulnerability Test Result Code": "nv", "Vulnerability Proof": "not there"}),
        scan_date=date(2026, 8, 8), confirmed=True,
    )  # fmt: skip
    assert evidence() == ["saw"]


def test_a_saved_mapping_may_name_the_evidence():
    found = formats.custom.guess(["Machine", "Problem", "Severity", "Tool output"], formats.known())
    assert found["evidence"] == "Tool output"


def test_the_next_scan_is_expected_to_change_as_much_evidence_as_the_latest_did(run_import, engine):
    def expected_after(number, *outputs):
        hosts = (row(host=f"h{host}", output=output, **day(number)) for host, output in enumerate(outputs))
        return estimate.source_state(engine, run_import(scan(*hosts)).source_id).restated

    assert expected_after(1, "a", "b", "c", "d") == 0.5  # nothing is known of it yet
    assert expected_after(2, "a", "b", "c", "other") == 0.25
    assert expected_after(3, "a", "b", "c", "other") == 0.0


def test_the_first_rows_of_a_file_show_how_much_evidence_is_new(run_import, monkeypatch):
    shares = []
    expected = estimate.expected
    monkeypatch.setattr(
        estimate, "expected", lambda work, before, day: shares.append(before.restated) or expected(work, before, day)
    )

    def shares_of(number, *outputs):
        shares.clear()
        run_import(scan(*(row(host=f"h{host}", output=output, **day(number)) for host, output in enumerate(outputs))))
        return shares[-1]

    assert shares_of(1, "two\r\nlines ", "b", "c", "d", "last") == 0.0
    assert shares_of(2, "two\r\nlines ", "b", "c", "other", "last") == 0.25  # the last row of a sample may be cut off
    assert shares_of(3, "two\r\nlines ", "b", "c", "other", "another") == 0.0
    assert shares_of(4, "x", "b", "y", "z", "another") == 0.75
