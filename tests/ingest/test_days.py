"""Days that a file names: which are believed, what dates the scan, and when a finding was fixed."""

from __future__ import annotations

import hashlib
from datetime import date, timedelta

import pytest

from hextrackr.domain import undo
from hextrackr.ingest import staging
from tests.support.exports import COLUMNS, export, row
from tests.support.sql import LAST_SEEN
from tests.support.staging import dump

TODAY = date.today()
UNDATED = "The file says nowhere when the scan was made"
SEEN = f"SELECT first_seen, {LAST_SEEN} FROM findings f ORDER BY id"
NO_DATES = [column for column in COLUMNS if column not in ("first_observed", "last_seen")]


def dated(record):
    return str(record.scan_date), record.scan_date_from


def undated(*hosts, **cells):
    return export([row(host=f"host-{host}", asset_name=f"web{host}", **cells) for host in hosts], columns=NO_DATES)


VMDR = "QID,Title,Severity,KB Severity,Asset Name,Asset IPV4,Status,First Detected,Last Detected\n"
DEFENDER = "DeviceId,DeviceName,SoftwareName,CveId,VulnerabilitySeverityLevel,FirstSeenTimestamp,LastSeenTimestamp\n"
GENERIC = "hostname,severity,plugin_id,plugin_name,first_seen,last_seen\n"
SC = "Plugin,Plugin Name,Severity,IP Address,First Discovered,Last Observed\n"


@pytest.mark.parametrize(
    ("content", "seen", "day"),
    [
        pytest.param(
            VMDR + "1,Old TLS,4,4,PC1,192.0.2.5,ACTIVE,3-Jan-26,13-Feb-26", ("2026-01-03", "2026-02-13"), "2026-02-13",
            id="short dates of a spreadsheet",
        ),
        pytest.param(
            GENERIC + "a,High,1,x,13-02-26,14-02-26", ("2026-02-13", "2026-02-14"), "2026-02-14", id="numbers of two digits"
        ),
        pytest.param(
            DEFENDER + "d,pc,x,CVE-2026-0001,High,0001-01-01T00:00:00Z,2026-03-05T10:00:00Z", ("2026-03-05", "2026-03-05"),
            "2026-03-05", id="the first day of all",
        ),
        pytest.param(
            SC + "1,x,High,192.0.2.1,\"Jan 1, 1970 00:00:00 UTC\",\"Mar 5, 2026 00:00:00 UTC\"", ("2026-03-05", "2026-03-05"),
            "2026-03-05", id="the epoch",
        ),
        pytest.param(
            GENERIC + "a,High,1,x,1601-01-01,2026-03-05\nb,High,1,x,2026-03-01,9999-12-31", ("2026-03-05", "2026-03-05"),
            "2026-03-05", id="the first and last of Windows",
        ),
        pytest.param(
            GENERIC + "a,High,1,x,2026-03-01T10:20:30Z[UTC],\"3/5/2026, 4:30:00\u202fPM\"", ("2026-03-01", "2026-03-05"), "2026-03-05",
            id="Java and a browser",
        ),
        pytest.param(
            GENERIC + "a,High,1,x,\"Mar 1, 2026 @ 10:00:00.000\",1772668800.123", ("2026-03-01", "2026-03-05"), "2026-03-05",
            id="Kibana and a fraction of a second",
        ),
    ],
)  # fmt: skip
def test_days_are_understood_or_are_none(run_import, query, content, seen, day):
    record = run_import(content.encode())
    assert query(SEEN)[0] == seen
    assert dated(record) == (day, "data")
    assert not [warning for warning in record.warnings if "left out" in warning]


def test_what_is_no_day_is_counted(run_import, query):
    days = [("1989-12-31", "2026-03-05"), ("someday", "2026-03-05"), ("2026-03-01", "2099-01-01")]
    rows = "".join(f"h{number},High,1,x,{first},{last}\n" for number, (first, last) in enumerate(days))
    record = run_import((GENERIC + rows).encode())
    assert query(SEEN) == [("2026-03-05", "2026-03-05"), ("2026-03-05", "2026-03-05"), ("2026-03-01", "2026-03-05")]
    assert record.warnings == [
        "2 dates could not be understood and were left out.",
        "1 date lies in the future and was left out.",
    ]


def test_days_of_definitions_are_believed_by_the_same_rule(run_import, query):
    header = "Plugin ID,Risk,Host,Name,Plugin Publication Date,Plugin Modification Date\n"
    rows = "1,High,web1,T,0001-01-01,2026-01-02\n2,High,web1,U,2099-01-01,1985/01/01\n"
    record = run_import((header + rows).encode(), filename="2026-03-05.csv")
    assert query("SELECT published, updated FROM definitions ORDER BY key") == [(None, "2026-01-02"), (None, None)]
    assert record.warnings == [
        "1 date could not be understood and was left out.",
        "1 date lies in the future and was left out.",
    ]


@pytest.mark.parametrize("to_come", [1, 30])
def test_no_day_after_that_of_the_import_dates_a_scan(run_import, to_come):
    later = (TODAY + timedelta(days=to_come)).isoformat()
    record = run_import(export([row(host="a"), row(host="b", last_seen=f"{later}T00:00:00Z")]))
    assert dated(record) == ("2026-08-01", "data")


@pytest.mark.parametrize(
    ("hosts", "odd", "day"),
    [
        pytest.param("abc", "2026-10-05", "2026-08-01", id="one clock of three"),
        pytest.param("abc", "2026-08-08", "2026-08-08", id="within a week"),
        pytest.param("ab", "2026-10-05", "2026-10-05", id="one clock of two"),
    ],
)
def test_the_clock_of_one_host_does_not_date_a_scan(run_import, query, hosts, odd, day):
    rows = [row(host=host, plugin=plugin) for host in hosts for plugin in "12"]
    rows[-1] = row(host=hosts[-1], plugin="2", last_seen=f"{odd}T00:00:00Z")
    record = run_import(export(rows))
    assert dated(record) == (day, "data")
    assert query(SEEN)[-1][1] == odd


def nessus(*starts):
    header = "Plugin ID,CVE,CVSS,Risk,Host,Protocol,Port,Name,Synopsis,Plugin Output\n"
    cells = "19506,,,None,10.0.0.{},tcp,0,Nessus Scan Information,s"
    output = '"Nessus version : 10\nScan Start Date : {}\nScan duration : 5 sec"'
    said = "".join(f"{cells},{output}\n".format(host, start) for host, start in enumerate(starts, start=1))
    return f'{header}1,,,High,10.0.0.1,tcp,443,T,s,"Scan Start Date : 2020/1/1 10:00"\n{said}'.encode()


@pytest.mark.parametrize(
    ("starts", "day", "of"),
    [
        (["2023/7/11 20:51 UTC"], "2023-07-11", "report"),
        (["2021/1/25 18:40 Romance Standard Time", "2021/1/26 01:02 Romance Standard Time"], "2021-01-26", "report"),
        (["2026/1/2 10:00", "2026/1/2 10:00", "2026/5/9 10:00"], "2026-01-02", "report"),
        (["2099/1/1 10:00"], str(TODAY), "today"),
        (["unknown"], str(TODAY), "today"),
        ([], str(TODAY), "today"),
    ],
)
def test_nessus_tells_when_its_scan_began(run_import, starts, day, of):
    record = run_import(nessus(*starts))
    assert dated(record) == (day, of)
    assert [UNDATED in warning for warning in record.warnings] == ([True] if of == "today" else [])


def facts(header, cells):
    return f'{header}\n{cells},"Information about this scan :\n\nScan Start Date : 2026/7/30 23:51 UTC"\n'.encode()


@pytest.mark.parametrize(
    ("content", "scanner", "day"),
    [
        pytest.param(
            facts("Plugin ID,Risk,Host,Name,CVSSv3,Plugin Output", "19506,none,web1,T,"),
            "nessus-was", ("2026-07-30", "report"), id="nessus-was",
        ),
        pytest.param(
            facts("Plugin ID,Risk,Host,Name,Asset UUID,Vulnerability State,Last Found,Plugin Output",
                  "19506,None,web1,T,u,Active,2026-07-31T00:00:00Z"),
            "tenable-io-legacy", ("2026-07-30", "report"), id="tenable-io-legacy",
        ),
        pytest.param(
            facts("Plugin,Plugin Name,Severity,IP Address,Plugin Text", "19506,T,Info,10.0.0.1"),
            "tenable-sc", ("2026-07-30", "report"), id="tenable-sc",
        ),
        pytest.param(
            facts("asset.id,asset.name,definition.id,definition.name,severity,state,last_seen,output",
                  "a,web1,19506,T,Info,ACTIVE,2026-07-31T00:00:00Z"),
            "tenable-vm", ("2026-07-30", "report"), id="tenable-vm",
        ),
        pytest.param(
            facts("asset.id,asset.name,definition.id,definition.name,severity,state,last_seen,output",
                  "a,web1,19506,T,Info,ACTIVE,2026-08-20T00:00:00Z"),
            "tenable-vm", ("2026-08-20", "data"), id="of many scans",
        ),
    ],
)  # fmt: skip
def test_so_do_the_exports_of_other_products_of_tenable(run_import, content, scanner, day):
    record = run_import(content)
    assert (record.scanner, dated(record)) == (scanner, day)


QUALYS = b"IP,QID,Title,Severity,Port,Protocol\n10.0.0.1,38657,Old TLS,3,443,tcp\n"


@pytest.mark.parametrize(
    ("above", "day", "of"),
    [
        (b'"Launch Date","Type"\r\n"03/14/2026 at 08:19:13 (GMT-0500)","On-demand"\r\n\r\n', "2026-03-14", "report"),
        (b"Scan Date: 2026-03-14\n", "2026-03-14", "report"),
        (b'"Scan Results","03/14/2026 at 21:05:46 (GMT-0500)"\n', "2026-03-14", "report"),
        (b'"License expires","03/14/2026"\n', "2026-02-01", "filename"),
        (b'"Company","Berlin"\n', "2026-02-01", "filename"),
    ],
)
def test_the_report_tells_when_it_was_launched(run_import, above, day, of):
    assert dated(run_import(above + QUALYS, filename="scan-01-02-2026.csv", date_order="day-first")) == (day, of)


def test_when_a_report_was_made_counts_less_than_its_rows(run_import):
    above = '"Asset Vuln Datalist Report","04 Feb 2026 10:00AM GMT-0500","1"\n'
    content = above + VMDR + '1,Old TLS,4,4,PC1,192.0.2.5,ACTIVE,"Jan 03, 2026 07:00 AM","Feb 03, 2026 07:00 AM"\n'
    assert dated(run_import(content.encode())) == ("2026-02-03", "data")


def test_what_the_form_says_counts_most(run_import):
    record = run_import(b"Scan Date: 2026-03-02\n" + QUALYS, scan_date=date(2026, 3, 9))
    assert dated(record) == ("2026-03-09", "form")


def test_another_attempt_takes_no_date_of_the_file_for_one_of_the_form(run_import):
    record = run_import(undated(1), scan_date=date(2026, 1, 1), scan_date_from="data", filename="2026-03-02.csv")
    assert dated(record) == ("2026-03-02", "filename")


FIXED = [
    pytest.param(
        "IP,QID,Title,Severity,Vuln Status,First Detected,Last Detected,Date Last Fixed",
        "10.0.0.1,1,T,3,{state},06/01/2026 10:00:00,07/01/2026 10:00:00,{fixed:%m/%d/%Y} 10:00:00", "Fixed", id="qualys-vm",
    ),
    pytest.param(
        "QID,Title,Severity,KB Severity,Asset Name,Asset IPV4,Status,First Detected,Last Detected,Last Fixed",
        '1,T,4,4,PC1,192.0.2.5,{state},"Jun 01, 2026 07:00 AM","Jul 01, 2026 07:00 AM","{fixed:%b %d, %Y} 07:00 AM"', "FIXED",
        id="qualys-vmdr",
    ),
    pytest.param(
        "Plugin,Plugin Name,Severity,IP Address,First Discovered,Last Observed,Mitigated On",
        '1,T,High,10.0.0.1,"Jun 1, 2026 12:00:00 UTC","Jul 1, 2026 12:00:00 UTC","{state}{fixed:%b %d, %Y} 12:00:00 UTC"', "",
        id="tenable-sc",
    ),
    pytest.param(
        "Plugin ID,Risk,Host,Name,Asset UUID,Vulnerability State,First Found,Last Found,Last Fixed",
        "1,High,web1,T,u,{state},2026-06-01T10:00:00Z,2026-07-01T10:00:00Z,{fixed:%Y-%m-%d}T10:00:00Z", "Fixed",
        id="tenable-io-legacy",
    ),
    pytest.param(
        "asset.id,asset.name,definition.id,definition.name,severity,state,first_observed,last_seen,last_fixed",
        "a,web1,1,T,High,{state},2026-06-01T10:00:00.000Z,2026-07-01T10:00:00.000Z,{fixed:%Y-%m-%d}T10:00:00.000Z", "FIXED",
        id="tenable-vm",
    ),
    pytest.param(
        "Created At,Title,Severity,Status,Resource external ID,Resource Name,Control ID,Issue ID,Wiz URL,Resolved Time",
        "2026-06-01T10:00:00Z,T,HIGH,{state},e1,vm1,c1,i1,u,{fixed:%Y-%m-%d} 10:00:00.123 +0000 UTC", "RESOLVED", id="wiz",
    ),
    pytest.param(
        "hostname,severity,plugin_id,plugin_name,state,first_seen,resolved_on", "a,High,1,T,{state},2026-06-01,{fixed}", "fixed",
        id="generic",
    ),
    pytest.param(
        "DeviceId,DeviceName,SoftwareName,CveId,VulnerabilitySeverityLevel,Status,FirstSeenTimestamp,EventTimestamp",
        "d,pc,x,CVE-2026-0001,High,{state},2026-06-01T10:00:00Z,{fixed}T10:00:00Z", "Fixed", id="defender-tvm",
    ),
    pytest.param(
        "IP,Target Name,Vulnerability Name,Severity,Remediation,Status,First Found,Last Fixed",
        "10.0.0.1,web1,T,H,r,{state},2026-06-01,{fixed}", "Fixed", id="trustwave",
    ),
]  # fmt: skip
RESOLVED = "SELECT lifecycle, first_seen, resolved_on FROM findings"


@pytest.mark.parametrize(("header", "cells", "is_fixed"), FIXED)
def test_the_scanner_says_when_a_finding_was_fixed(run_import, query, header, cells, is_fixed):
    content = f"{header}\n{cells.format(state=is_fixed, fixed=date(2026, 7, 9))}\n".encode()
    run_import(content, scan_date=date(2026, 7, 20))
    assert query(RESOLVED) == [("resolved", "2026-06-01", "2026-07-09")]


def fixed(day, **cells):
    return export([row(state="FIXED", last_fixed=day, **cells)], columns=[*COLUMNS, "last_fixed"])


def test_an_open_finding_was_fixed_when_the_scanner_says_so_and_is_open_again_after_an_undo(run_import, query, engine):
    run_import(undated(1), scan_date=date(2026, 7, 5))
    before = dump(engine)
    resolved = run_import(fixed("2026-07-09T10:00:00Z", asset_name="web1"), scan_date=date(2026, 7, 20))
    assert query("SELECT lifecycle, resolved_on FROM findings") == [("resolved", "2026-07-09")]
    undo.undo_import(engine, resolved.id)
    assert dump(engine) == before


#: Days on which a finding was fixed, as a file of 2026-08-20 says -> as it is on record.
FIXED_ON = {
    "": "2026-08-20",
    "1970-01-01T00:00:00Z": "2026-08-20",
    "2099-01-01T00:00:00Z": "2026-08-20",
    "2026-01-01T00:00:00Z": "2026-07-01",  # before it was seen first
    "2026-08-10T00:00:00Z": "2026-08-10",
}


@pytest.mark.parametrize("is_first", [True, False], ids=["first scan", "later scan"])
def test_a_day_of_fixing_that_cannot_be_is_not_taken(run_import, query, is_first):
    if not is_first:
        run_import(export([row(host="before", asset_name="before")]), scan_date=date(2026, 8, 19))
    rows = [
        row(host=f"h{place}", asset_name=f"h{place}", state="FIXED", last_fixed=day)
        for place, day in enumerate(FIXED_ON)
    ]
    run_import(export(rows, columns=[*COLUMNS, "last_fixed"]), scan_date=date(2026, 8, 20), mode="delta")
    found = query(f"{RESOLVED} WHERE lifecycle = 'resolved' ORDER BY id")
    assert found == [("resolved", "2026-07-01", day) for day in FIXED_ON.values()]


def test_a_finding_that_is_open_again_has_no_day_of_fixing(run_import, query):
    content = export([row(state="RESURFACED", last_fixed="2026-07-20T00:00:00Z")], columns=[*COLUMNS, "last_fixed"])
    run_import(content)
    assert query(RESOLVED) == [("reopened", "2026-07-01", None)]
    assert query("SELECT count(*) FROM staging_observations WHERE resolved_on IS NOT NULL") == [(0,)]


def test_a_day_of_fixing_that_means_none_does_not_make_a_finding_fixed(run_import, query):
    header = "Plugin,Plugin Name,Severity,IP Address,Last Observed,Mitigated On\n"
    run_import(f'{header}1,T,High,10.0.0.1,"Jul 1, 2026 12:00:00 UTC","Dec 31, 1969 19:00:00 EST"\n'.encode())
    assert query("SELECT lifecycle, resolved_on FROM findings") == [("active", None)]


def test_a_late_scan_says_when_a_finding_was_fixed(run_import, query, engine):
    run_import(undated(1), scan_date=date(2026, 8, 20))
    before = dump(engine)
    late = run_import(fixed("2026-08-05T00:00:00Z", host="b", asset_name="b"), scan_date=date(2026, 8, 10))
    assert query(f"{RESOLVED} ORDER BY id DESC LIMIT 1") == [("resolved", "2026-07-01", "2026-08-05")]
    assert query("SELECT count(*) FROM finding_changes") == [(0,)]
    assert late.warnings[-1] == (
        "This scan is older than the newest one of its source (2026-08-20), so it only fills the history of its day."
    )
    undo.undo_import(engine, late.id)
    assert dump(engine) == before


def test_an_undated_file_makes_no_scan_of_last_week_late(run_import, figures, query, engine):
    run_import(undated(1), scan_date=date(2026, 8, 1))
    record = run_import(undated(1, 2))
    assert dated(record) == (str(TODAY), "today")
    assert UNDATED in record.warnings[-1]
    assert query("SELECT last_scan_date FROM sources") == [("2026-08-01",)]
    staging.clean_up(engine)
    before = dump(engine)

    scan = run_import(undated(1, 3), scan_date=date(2026, 8, 8))

    assert figures(scan) == {"inserted": 1, "resolved": 1, "unchanged": 1}
    assert scan.warnings == []
    assert query("SELECT first_seen, lifecycle, resolved_on FROM findings ORDER BY id") == [
        ("2026-08-01", "active", None),
        (str(TODAY), "resolved", str(TODAY)),  # never before it was seen first
        ("2026-08-08", "active", None),
    ]
    assert query("SELECT last_scan_date FROM sources") == [("2026-08-08",)]
    undo.undo_import(engine, scan.id)
    assert dump(engine) == before


def test_a_finding_was_there_since_the_earliest_day_on_which_it_was_seen(run_import, query, engine):
    run_import(undated(1, 2, severity="Low"))
    before = dump(engine)
    scan = run_import(undated(1, 2, severity="High"), scan_date=date(2026, 8, 8))
    assert query("SELECT first_seen, severity FROM findings") == [("2026-08-08", 3)] * 2
    undo.undo_import(engine, scan.id)
    assert dump(engine) == before
    gone = run_import(undated(1, state="FIXED"), scan_date=date(2026, 8, 8))
    assert query("SELECT first_seen, resolved_on FROM findings WHERE lifecycle = 'resolved'") == [(str(TODAY),) * 2]
    undo.undo_import(engine, gone.id)
    assert dump(engine) == before


def test_taking_back_a_scan_leaves_the_date_of_the_newest_dated_one(run_import, query, engine):
    run_import(undated(1), scan_date=date(2026, 8, 1))
    run_import(undated(1))
    last = run_import(undated(1), scan_date=date(2026, 8, 8))
    undo.undo_import(engine, last.id)
    assert query("SELECT last_scan_date FROM sources") == [("2026-08-01",)]


@pytest.mark.parametrize(
    ("content", "columns", "again", "was_read"),
    [
        pytest.param(nessus("2026/7/30 10:00"), {}, {}, False, id="by its plugin"),
        pytest.param(b"Scan Date: 2026-03-02\n" + QUALYS, {}, {}, False, id="by its preamble"),
        pytest.param(undated(1), {}, {}, False, id="of today"),
        pytest.param(undated(1), {}, {"scan_date": TODAY}, True, id="the form says today"),
        pytest.param(undated(1), {}, {"filename": "2026-03-02.csv"}, True, id="another name"),
        pytest.param(
            export([row(host="a"), row(host="b", last_seen="2099-01-01T00:00:00Z")]), {}, {}, True, id="days to come"
        ),
    ],
)
def test_a_repeat_is_told_by_what_dated_the_scan(run_import, content, columns, again, was_read):
    digest = hashlib.sha256(content).hexdigest()
    first = run_import(content, digest=digest, **columns)
    second = run_import(content, digest=digest, **columns, **again)
    assert ("repeats" not in second.summary) == was_read
    if not again:
        assert dated(second) == dated(first)


@pytest.mark.parametrize("seen", ["", "2026-09-20"])
def test_a_finding_was_fixed_on_the_day_that_its_row_names_though_it_tells_no_first_day(run_import, query, seen):
    header = "hostname,severity,plugin_id,plugin_name,state,resolved_on,last_seen\n"
    run_import(f"{header}a,High,1,x,fixed,2026-09-10,{seen}\na,High,2,y,open,,\n".encode(), scan_date=date(2026, 11, 1))
    assert query("SELECT first_seen, resolved_on FROM findings ORDER BY id")[0] == ("2026-09-10", "2026-09-10")
