"""Lists of findings against a plain model: every filter, order and page, whichever way the page is found."""

from __future__ import annotations

import itertools
from datetime import date
from urllib.parse import parse_qsl

import pytest
from sqlalchemy.orm import Session

from hextrackr.models.findings import grade
from hextrackr.web import filters, listing
from hextrackr.web.paging import Page
from tests.web.keeping import FILTERS

TODAY = date(2026, 8, 20)
SORTS = {"vpr": "vpr", "cvss": "cvss", "firstSeen": "first_seen", "lastSeen": "last_seen"}


def expected(record, wanted, sort, descending):
    column = SORTS.get(sort)

    def key(row):
        first = [row["severity"]] if sort == "severity" else []
        value = row[column or "vpr"]
        return [*first, (value is not None, value or 0), row["id"]]

    return [row["id"] for row in sorted(filter(wanted, record), key=key, reverse=descending)]


@pytest.mark.parametrize(
    ("collected", "stretches"), [(20_000, 100), (30, 100), (30, 1)], ids=["few", "many", "many unmerged"]
)
def test_every_page_of_every_filter_in_every_order(app, engine, record, monkeypatch, collected, stretches):
    monkeypatch.setattr(listing, "COLLECTED", collected)
    monkeypatch.setattr(listing, "SHOWN", 25)
    monkeypatch.setattr(listing, "_MOST_STRETCHES", stretches)
    with Session(engine) as session:
        for query, wanted in FILTERS.items():
            limited = filters.requested(dict(parse_qsl(query)), TODAY)
            for sort, descending in itertools.product(("severity", *SORTS), (True, False)):
                ids = expected(record, wanted, sort, descending)
                exact = not limited.conditions or len(ids) <= collected
                told = (len(ids), True) if exact else (collected + 1, False)
                for page in pages(len(ids)):
                    found = listing.page(session, limited, listing.Order(sort, descending), Page(page, 7))
                    reachable = ids if exact else ids[:25]
                    assert found.ids == reachable[(page - 1) * 7 : page * 7], (query, sort, descending, page)
                    assert (found.total, found.exact) == told, query


def pages(rows):
    """The first and the last ones, one in the middle, and one behind the end, of seven rows each."""
    last = -(-rows // 7)
    return sorted({1, 2, last // 2, last - 1, last, last + 1} - {0, -1})


def test_the_grade_in_python_is_that_of_the_database(record, query):
    for lifecycle, severity, found in query("SELECT DISTINCT lifecycle, severity, grade FROM findings"):
        assert grade(lifecycle, severity) == found


@pytest.mark.parametrize(
    "query",
    [
        "severity=worst", "state=gone", "source=x", "source=0", "definition=-1", "definition=1.5", "port=70000",
        "host=99999999999999999999", "vprMin=11", "cvssMax=x", "cvssMax=nan", "epssMin=1.1", "firstSeenFrom=yesterday",
        "lastSeenTo=2026-13-01", "ageMin=x", "changedBy=x", "changedBy=1&change=none",
    ],
)  # fmt: skip
def test_a_value_that_does_not_exist_is_refused_in_one_sentence(client, query):
    answer = client.get(f"/api/vulnerabilities?{query}")
    assert (answer.status_code, answer.json["error"]["code"]) == (400, "BAD_REQUEST")
    assert answer.json["error"]["detail"].count(".") <= 2
