"""Real exports, and what must come out of them (skipped where the folder with them is absent).

The figures are those of the projects the files come from, or were counted in their bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from hextrackr.errors import FileRefused, MissingColumns, UnknownFormat
from hextrackr.ingest import damage, dialect
from hextrackr.ingest.csv_database import CsvDatabase
from hextrackr.ingest.csv_reader import Reader
from hextrackr.ingest.formats.format import Columns, Format, columns_of
from tests.support.sql import LAST_SEEN

OPEN = "SELECT count(*) FROM findings WHERE lifecycle <> 'resolved'"
BY_SEVERITY = "SELECT severity, count(*) FROM findings GROUP BY 1 ORDER BY 1"

#: File, scanner, findings on record, rows read, blank rows.
TABLE = [
    ("tenable-vm/nessus_new.csv", "tenable-vm", 99, 99, 0),
    ("tenable-io-legacy/nessus_v_unknown.csv", "tenable-io-legacy", 199, 252, 0),
    ("nessus-pro/nessus_many_vuln2-default.csv", "nessus-pro", 29, 30, 0),
    ("nessus-pro/nessus-template.csv", "nessus-pro", 5, 5, 0),
    ("nessus-was/nessus_was_many_vuln.csv", "nessus-was", 5, 29, 24),
    ("tenable-sc/issue_11102.csv", "tenable-sc", 3, 3, 0),
    ("tenable-sc/nessus_many_vuln.csv", "tenable-sc", 4, 533, 529),
    ("qualys-vm/Qualys_Sample_Report.csv", "qualys-vm", 6, 6, 0),
    ("qualys-vm/empty.csv", "qualys-vm", 0, 0, 0),
    ("qualys-vmdr/many_vulns_qid.csv", "qualys-vmdr", 5, 5, 0),
    ("qualys-vmdr/one_vuln_cve.csv", "qualys-vmdr", 1, 1, 0),
    ("qualys-vmdr/one_vuln_no_metadata_cve.csv", "qualys-vmdr", 1, 1, 0),
    ("qualys-vmdr/no_vuln_qid.csv", "qualys-vmdr", 0, 0, 0),
    ("openvas/many_vuln.csv", "openvas", 4, 4, 0),
    ("openvas/report_detail_v2.csv", "openvas", 1, 1, 0),
    ("openvas/no_vuln.csv", "openvas", 0, 0, 0),
    ("openvas/empty-result-row.csv", "openvas", 0, 1, 1),
    ("wiz/no_findings.csv", "wiz", 0, 0, 0),
    ("azure/many_vulns.csv", "azure", 3, 4, 0),
    ("trustwave/trustwave.csv", "trustwave", 4, 4, 0),
]


@pytest.mark.parametrize(("path", "scanner", "findings", "rows", "blank"), TABLE, ids=[row[0] for row in TABLE])
def test_every_file_gives_its_findings_and_accounts_for_every_row(
    run_import, query, scans, path, scanner, findings, rows, blank
):
    record = run_import((scans / path).read_bytes())
    assert (record.scanner, record.state) == (scanner, "completed")
    assert query("SELECT count(*) FROM findings") == [(findings,)]
    assert (record.rows_read, record.blank, record.rejected) == (rows, blank, 0)
    assert record.rows_read == record.staged + record.merged + record.blank + record.rejected
    assert query("SELECT count(*) FROM findings WHERE vpr > 10 OR cvss > 10") == [(0,)]


def test_every_file_of_the_folder_is_in_the_table(scans):
    files = {str(path.relative_to(scans)) for path in scans.glob("*/*.csv") if path.parent.name != "hostile"}
    assert files == {row[0] for row in TABLE}


@pytest.fixture
def imported(run_import, scans):
    def run(path):
        return run_import((scans / path).read_bytes())

    return run


def test_tenable_vm(imported, query):
    imported("tenable-vm/nessus_new.csv")
    assert query(BY_SEVERITY) == [(1, 99)]
    assert query("SELECT lifecycle, count(*) FROM findings GROUP BY 1 ORDER BY 1") == [("active", 67), ("reopened", 32)]
    by_cve = "SELECT count(*), count(DISTINCT f.id) FROM findings f JOIN definition_cves c USING (definition_id)"
    assert query(by_cve) == [(101, 50)]
    assert query("SELECT count(*) FROM definitions WHERE description IS NULL") == [(0,)]


def test_tenable_io_legacy(imported, query):
    imported("tenable-io-legacy/nessus_v_unknown.csv")
    assert query("SELECT count(*) FROM (SELECT DISTINCT asset_id, definition_id FROM findings) AS pairs") == [(160,)]


def test_nessus_professional(imported, query):
    imported("nessus-pro/nessus_many_vuln2-default.csv")
    assert query("SELECT cve FROM definition_cves") == [("CVE-2004-2761",)]


def test_nessus_professional_with_lost_decimal_points(imported, query):
    record = imported("nessus-pro/nessus-template.csv")
    sweet32 = "SELECT f.severity, f.cvss, f.vpr, d.epss, d.published, d.updated, c.cve FROM findings f "
    sweet32 += (
        "JOIN definitions d ON d.id = definition_id JOIN definition_cves c USING (definition_id) WHERE key = '42873'"
    )
    assert query(sweet32) == [(3, 7.5, 5.1, 0.3833, "2009-11-23", "2025-02-12", "CVE-2016-2183")]
    assert query("SELECT max(cvss) <= 10 AND max(vpr) <= 10 FROM findings") == [(1,)]
    assert any("lost their decimal point" in warning for warning in record.warnings)
    assert any("day/month/year" in warning for warning in record.warnings)


def test_tenable_sc(imported, query):
    imported("tenable-sc/issue_11102.csv")
    assert query(f"SELECT DISTINCT first_seen, {LAST_SEEN} FROM findings f") == [("2024-02-09", "2024-10-17")]
    assert query("SELECT count(solution), count(description), max(published) FROM definitions") == [
        (1, 1, "2009-11-23")
    ]


def test_tenable_sc_with_padding(imported, query):
    record = imported("tenable-sc/nessus_many_vuln.csv")
    assert query(BY_SEVERITY) == [(2, 4)]
    assert query("SELECT DISTINCT first_seen FROM findings") == [("2021-01-05",)]
    assert str(record.scan_date) == "2021-01-05"


def test_qualys_vm(imported, query):
    imported("qualys-vm/Qualys_Sample_Report.csv")
    assert query("SELECT count(*) FROM definitions") == [(3,)]
    assert query("SELECT count(*) FROM assets") == [(4,)]
    of_105971 = (
        "SELECT severity, min(first_seen), d.cvss, cvss_vector FROM findings JOIN definitions d ON d.id = definition_id"
    )
    assert query(f"{of_105971} WHERE d.key = '105971' GROUP BY 1, 3, 4") == [
        (4, "2021-05-13", 8.1, "AV:N/AC:H/PR:N/UI:N/S:U/C:H/I:H/A:H")
    ]


def test_qualys_vmdr(imported, query):
    imported("qualys-vmdr/many_vulns_qid.csv")
    rows = query(
        "SELECT d.key, severity, lifecycle FROM findings JOIN definitions d ON d.id = definition_id ORDER BY 1"
    )
    assert rows == [
        ("100001", 0, "active"),
        ("100002", 1, "active"),
        ("100003", 2, "resolved"),
        ("100004", 3, "active"),
        ("100005", 4, "active"),
    ]
    addresses = query("SELECT ip FROM assets ORDER BY key")
    assert addresses == [("10.0.0.10",), ("10.0.0.11",), ("10.0.0.20",), ("10.0.0.30",), ("2001:db8::1",)]
    assert query(f"SELECT min(first_seen), max({LAST_SEEN}) FROM findings f") == [("2025-10-01", "2026-02-03")]


@pytest.mark.parametrize("path", ["qualys-vmdr/one_vuln_cve.csv", "qualys-vmdr/one_vuln_no_metadata_cve.csv"])
def test_qualys_vmdr_by_cve(imported, query, path):
    imported(path)
    assert query(
        "SELECT d.key, c.cve, d.description, d.cvss FROM definitions d JOIN definition_cves c ON c.definition_id = d.id"
    ) == [("730143", "CVE-2021-44228", "Critical RCE via JNDI injection.", 10.0)]


def test_openvas(imported, query):
    imported("openvas/many_vuln.csv")
    assert query("SELECT count(*) FROM definition_cves WHERE cve = 'CVE-2011-3389'") == [(1,)]


def test_openvas_with_many_cves(imported, query):
    imported("openvas/report_detail_v2.csv")
    assert query("SELECT count(*) FROM definition_cves") == [(93,)]
    assert query(
        f"SELECT severity, f.cvss, epss, {LAST_SEEN} FROM findings f JOIN definitions d ON d.id = definition_id"
    ) == [(3, 9.8, 0.00143, "2025-08-22")]


def test_azure(imported, query):
    record = imported("azure/many_vulns.csv")
    assert query(OPEN) == [(3,)]
    assert query("SELECT count(*) FROM findings WHERE first_seen IS NULL") == [(0,)]
    assert str(record.scan_date) == "2021-09-28"


def test_trustwave(imported, query):
    imported("trustwave/trustwave.csv")
    found = "SELECT cve, severity FROM findings JOIN definition_cves USING (definition_id) ORDER BY 1"
    assert query(found) == [("CVE-3011-123", 3), ("CVE-3011-313", 2), ("CVE-3011-32", 4), ("CVE-3011-321", 2)]


@pytest.mark.parametrize("path", ["qualys-vm/empty.csv", "qualys-vmdr/no_vuln_qid.csv"])
def test_an_empty_scan_resolves_nothing(run_import, query, scans, path):
    full = {"qualys-vm": "Qualys_Sample_Report.csv", "qualys-vmdr": "many_vulns_qid.csv"}[path.split("/")[0]]
    run_import((scans / path).with_name(full).read_bytes())
    before = query(OPEN)
    record = run_import((scans / path).read_bytes())
    assert record.resolved == 0
    assert query(OPEN) == before


def test_a_summary_without_hosts_is_refused(imported):
    with pytest.raises(MissingColumns, match=r"the host \(one of IP Address"):
        imported("hostile/tenable-sc-summary-no-host-column.csv")


@pytest.mark.parametrize("name", ["sysdig-ragged-row.csv", "contrast-unbalanced-quote.csv"])
def test_a_scanner_that_is_not_known_is_refused(imported, name):
    with pytest.raises(UnknownFormat):
        imported(f"hostile/{name}")


def reader(path: Path, tmp_path: Path, fields: Mapping[str, Columns], severities: dict[str, int]) -> Reader:
    """The file through a format made for it, as a mapping of the user's would be."""
    sample = path.read_bytes()[: dialect.SAMPLE_BYTES]
    found = dialect.detect(sample, complete=False)
    own = Format("own", "Own", signature=(), essential={}, fields=fields, severities=severities)
    recognised = own.recognised(found.header)
    copy, sound = tmp_path / "copy.csv", tmp_path / "sound.csv"
    dialect.write_copy(path, copy, found)
    separated = damage.separate(copy, sound, found, recognised)
    return Reader(CsvDatabase(sound, found, spill=tmp_path, memory_limit="128MB"), recognised, separated=separated)


def test_a_ragged_row_is_rejected_with_its_line(scans, tmp_path):
    fields = columns_of(name=("Image",), plugin_id=("Vulnerability ID",), severity=("Severity",))
    found = reader(scans / "hostile" / "sysdig-ragged-row.csv", tmp_path, fields, {"high": 3})
    found.read_rows()
    [rejected] = found.rejected()
    assert rejected.line == 2
    assert "cells, but the header has" in rejected.reason


def test_a_cell_of_a_megabyte_swallows_no_row(scans, tmp_path):
    """Counted in its bytes, this file is sound: the large cell is a picture in the body of a request, with its quotes doubled."""
    path = scans / "hostile" / "contrast-unbalanced-quote.csv"
    fields = columns_of(name=("Application Name",), plugin_id=("Vulnerability ID",), severity=("Severity",))
    words = {"note": 0, "low": 1, "medium": 2, "high": 3, "critical": 4}
    found = reader(path, tmp_path, fields, words)
    found.read_rows()
    counts = found.deduplicate()
    found.read_definitions()
    assert counts.rows == counts.findings == path.read_bytes().count(b"WebgoatMaster") == 52


def test_the_same_file_without_its_closing_quote_is_refused(scans, tmp_path):
    path = tmp_path / "unbalanced.csv"
    path.write_bytes(
        (scans / "hostile" / "contrast-unbalanced-quote.csv").read_bytes().replace(b'14091909--"', b"14091909--")
    )
    fields = columns_of(name=("Application Name",), plugin_id=("Vulnerability ID",), severity=("Severity",))
    with pytest.raises(FileRefused, match="quote that opens on line"):
        reader(path, tmp_path, fields, {"high": 3})
