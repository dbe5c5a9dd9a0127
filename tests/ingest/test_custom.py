"""Formats that users make of files that no module knows."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from hextrackr.domain.models import SavedMapping
from hextrackr.errors import RequestError, UnknownFormat
from hextrackr.ingest import formats
from hextrackr.ingest.formats import custom
from tests.support.sql import LAST_SEEN

HEADER = ("Machine", "Address", "Problem", "How bad", "Found on")
FIELDS = {"host": "Machine", "ip": "Address", "title": "Problem", "severity": "How bad", "last_seen": "Found on"}
FILE = "Machine,Address,Problem,How bad,Found on\nweb1,10.0.0.1,Old TLS,{},03/04/2026\n"


def made(header=HEADER, fields=FIELDS, severity_scale="words", day_first=False, meanings=None):
    return custom.format_of(
        "custom-1", "Ours", header, fields,
        severity_scale=severity_scale, day_first=day_first, meanings=meanings or {},
    )  # fmt: skip


def save(engine, **changes):
    values = {"name": "Ours", "header": [name.casefold() for name in HEADER], "fields": FIELDS,
              "severity_scale": "words", "day_first": False, "created_at": 1, **changes}  # fmt: skip
    with Session(engine) as session, session.begin():
        session.add(SavedMapping(**values))


def test_a_file_with_that_header_is_recognised_in_any_order():
    assert formats.recognise(HEADER, [made()]).format.name == "Ours"
    assert formats.recognise(tuple(reversed(HEADER)), [made()]).places["severity"] == (1,)
    for other in (HEADER[:-1], (*HEADER, "more")):
        with pytest.raises(UnknownFormat):
            formats.recognise(other, [made()])


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"fields": {"host": "Machine", "title": "Problem"}}, "No column is mapped to the severity"),
        ({"fields": {"severity": "How bad", "title": "Problem"}}, "No column is mapped to the host"),
        ({"fields": {"severity": "How bad", "host": "Machine"}}, "No column is mapped to the vulnerability"),
        ({"fields": {**FIELDS, "colour": "Machine"}}, "Unknown field 'colour'"),
        ({"fields": {**FIELDS, "os": "System"}}, "The file has no column 'System'"),
        ({"severity_scale": "stars"}, "severity scale must be one of"),
        ({"fields": {**FIELDS, "title": ["Problem", "Address"]}}, "Only one column can be title: Problem or Address"),
        ({"fields": {**FIELDS, "cves": [1]}}, "a column or a list of columns"),
        ({"meanings": {"port": {"a": "b"}}}, "Values of port cannot be mapped"),
        ({"meanings": {"severity": ["a"]}}, "must be an object"),
        ({"meanings": {"severity": {"Bad": "awful"}}}, "must mean one of critical, high"),
        ({"meanings": {"state": {"Done": ["resolved"]}}}, "must mean one of open, resolved"),
        ({"meanings": {"state": {"x" * 256: "open"}}}, "at most 255 characters"),
    ],
)
def test_a_mapping_that_cannot_work_is_refused(changes, sentence):
    with pytest.raises(RequestError, match=sentence):
        made(**changes)


@pytest.mark.parametrize(
    ("scale", "severities"),
    [
        ("words", {"Important": 3}),
        ("0-4", {"4": 4, "Low": 1}),
        ("1-5", {"1": 0, "5": 4}),
        ("0-10", {"0": 0, "0.0": 0, "3.9": 1, "4": 2, "6.9": 2, "7.0": 3, "9": 4, "10": 4, "10.0": 4}),
    ],
)
def test_severity_scales(run_import, engine, query, scale, severities):
    save(engine, severity_scale=scale)
    rows = "".join(f"web1,10.0.0.1,{word},{word},03/04/2026\n" for word in severities)
    run_import(f"{','.join(HEADER)}\n{rows}".encode())
    assert (
        dict(query("SELECT d.title, f.severity FROM findings f JOIN definitions d ON d.id = definition_id"))
        == severities
    )


VALUES = "Machine,Problem,How bad,Progress\n"
VALUE_FIELDS = {"host": "Machine", "title": "Problem", "severity": "How bad", "state": "Progress"}


@pytest.mark.parametrize(
    ("meanings", "stored"),
    [
        pytest.param(
            {"severity": {"very bad": "critical", "Ärger": "high", "high": "low", "7": "info", "": "medium"}},
            {
                "Very bad,open": (4, "active"),
                " ÄRGER ,open": (3, "active"),
                "High,open": (1, "active"),  # the mapping counts before the scale
                "7.0,open": (0, "active"),
                ",open": (2, "active"),
                "Superbad,open": None,
            },
            id="severities",
        ),
        pytest.param(
            {"state": {"erledigt": "resolved", "wieder da": "reopened", "fixed": "open"}},
            {
                "High,Erledigt": (3, "resolved"),
                "High,wieder da": (3, "reopened"),
                "High,fixed": (3, "active"),
                "High,": (3, "active"),
                "High,unklar": None,
            },
            id="states",
        ),
        # No state is mapped: any word that is none of ours is open.
        pytest.param({}, {"High,Erledigt": (3, "active")}, id="none"),
    ],
)
def test_what_values_mean(run_import, engine, query, meanings, stored):
    save(engine, header=["machine", "problem", "how bad", "progress"], fields=VALUE_FIELDS, meanings=meanings)
    rows = "".join(f"web{number},Old TLS,{cells}\n" for number, cells in enumerate(stored))
    record = run_import((VALUES + rows).encode())
    found = query("SELECT a.key, severity, lifecycle FROM findings f JOIN assets a ON a.id = asset_id ORDER BY 1")
    assert found == [(f"web{number}", *is_stored) for number, is_stored in enumerate(stored.values()) if is_stored]
    assert record.rejected == sum(is_stored is None for is_stored in stored.values())


def test_a_state_without_a_verdict_leaves_a_finding_as_it_was(run_import, engine, query):
    meanings = {"state": {"erledigt": "resolved", "unklar": "no-verdict"}}
    save(engine, header=["machine", "problem", "how bad", "progress"], fields=VALUE_FIELDS, meanings=meanings)
    for states in (("open", "Erledigt"), ("unklar", "unklar")):
        rows = "".join(f"web{number},Old TLS,High,{state}\n" for number, state in enumerate(states))
        run_import((VALUES + rows).encode())
    assert query("SELECT lifecycle FROM findings ORDER BY id") == [("active",), ("resolved",)]


def test_columns_beside_the_fields_are_kept_as_details(run_import, engine, query):
    header = ("Machine", "Problem", "How bad", "Room", "Team", "Note", "More")
    fields = {
        "host": "Machine", "title": "Problem", "severity": "How bad", "host_detail": "Room",
        "vulnerability_detail": "Team", "finding_detail": ["Note", "More"],
    }  # fmt: skip
    save(engine, header=[name.casefold() for name in header], fields=fields)
    record = run_import((",".join(header) + "\nweb1,Old TLS,High,B 12,Web,seen twice,again\n").encode())
    assert record.recognition["unusedColumns"] == []
    assert query("SELECT details FROM assets") == [('{"Room":"B 12"}',)]
    assert query("SELECT details FROM definitions") == [('{"Team":"Web"}',)]
    assert query("SELECT text FROM evidence") == [("Note: seen twice\nMore: again",)]


def test_a_deleted_mapping_recognises_nothing(run_import, engine):
    save(engine, deleted_at=1)
    with pytest.raises(UnknownFormat):
        run_import(FILE.format("High").encode())


@pytest.mark.parametrize(("day_first", "day"), [(True, "2026-04-03"), (False, "2026-03-04")])
def test_the_order_of_day_and_month(run_import, engine, query, day_first, day):
    save(engine, day_first=day_first)
    record = run_import(FILE.format("High").encode())
    assert (record.scanner, record.vendor) == ("custom-1", "Ours")
    assert query(f"SELECT {LAST_SEEN} FROM findings f") == [(day,)]


def test_a_word_off_the_scale_is_a_reject(run_import, engine):
    save(engine)
    record = run_import((FILE.format("High") + "web2,10.0.0.2,Old TLS,terrible,03/04/2026\n").encode())
    assert (record.inserted, record.rejected) == (1, 1)


def test_the_first_guess():
    header = ("Hostname", "IP Address", "CVE", "Title", "Risk", "Port", "Notes", "Last Seen", "CVSS Score", "")
    assert custom.guess(header, formats.known()) == {
        "fqdn": "Hostname", "ip": "IP Address", "cves": "CVE", "title": "Title", "severity": "Risk", "port": "Port",
        "last_seen": "Last Seen", "cvss": "CVSS Score",
    }  # fmt: skip
    assert custom.guess(("alpha", "beta"), formats.known()) == {}


def test_a_port_with_its_protocol(run_import, query):
    ports = ("443/tcp", "53 / UDP", "443", "", "general/tcp", "http")
    rows = "".join(f"web{number},High,Old TLS,{port}\n" for number, port in enumerate(ports))
    record = run_import(f"hostname,severity,plugin_name,port\n{rows}".encode())
    found = query("SELECT port, protocol FROM findings f JOIN assets a ON a.id = asset_id ORDER BY a.key")
    assert found == [(443, "tcp"), (53, "udp"), (443, ""), (0, ""), (0, "tcp")]
    assert record.rejected == 1
