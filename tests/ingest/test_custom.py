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


def made(header=HEADER, fields=FIELDS, severity_scale="words", day_first=False):
    return custom.format_of("custom-1", "Ours", header, fields, severity_scale=severity_scale, day_first=day_first)


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
        ({"fields": {"host": "Machine", "title": "Problem"}}, "does not say which column holds the severity"),
        ({"fields": {"severity": "How bad", "title": "Problem"}}, "does not say which column holds the host"),
        ({"fields": {"severity": "How bad", "host": "Machine"}}, "does not say which column holds the vulnerability"),
        ({"fields": {**FIELDS, "colour": "Machine"}}, "There is no field colour"),
        ({"fields": {**FIELDS, "os": "System"}}, "The file has no column System"),
        ({"severity_scale": "stars"}, "severity scale must be one of"),
    ],
)
def test_a_mapping_that_cannot_work_is_refused(changes, sentence):
    with pytest.raises(RequestError, match=sentence):
        made(**changes)


@pytest.mark.parametrize(
    ("scale", "word", "severity"),
    [
        ("words", "Important", 3), ("0-4", "4", 4), ("0-4", "Low", 1), ("1-5", "1", 0), ("1-5", "5", 4),
        ("0-10", "0", 0), ("0-10", "0.0", 0), ("0-10", "3.9", 1), ("0-10", "4", 2), ("0-10", "6.9", 2),
        ("0-10", "7.0", 3), ("0-10", "9", 4), ("0-10", "10", 4), ("0-10", "10.0", 4),
    ],
)  # fmt: skip
def test_severity_scales(run_import, engine, query, scale, word, severity):
    save(engine, severity_scale=scale)
    run_import(FILE.format(word).encode())
    assert query("SELECT severity FROM findings") == [(severity,)]


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


@pytest.mark.parametrize(
    ("port", "stored"),
    [
        ("443/tcp", (443, "tcp")),
        ("53 / UDP", (53, "udp")),
        ("443", (443, "")),
        ("", (0, "")),
        ("general/tcp", (0, "tcp")),
        ("http", None),
    ],
)
def test_a_port_with_its_protocol(run_import, query, port, stored):
    content = f"hostname,severity,plugin_name,port\nweb1,High,Old TLS,{port}\nweb2,High,Old TLS,1\n"
    record = run_import(content.encode())
    found = query("SELECT port, protocol FROM findings f JOIN assets a ON a.id = asset_id WHERE a.key = 'web1'")
    assert found == ([stored] if stored else [])
    assert record.rejected == (0 if stored else 1)
