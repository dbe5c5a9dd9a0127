"""Lists of findings against a plain model: every filter, order and page, whichever way the page is found."""

from __future__ import annotations

import itertools
from datetime import date
from urllib.parse import parse_qsl

import pytest
from sqlalchemy.orm import Session

from hextrackr.domain.models import grade
from hextrackr.errors import RequestError
from hextrackr.web import depths, filters, leads, listing, stretches
from hextrackr.web.ordering import Order
from hextrackr.web.paging import Page
from tests.web.filter_cases import FILTERS, together

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
    ("collected", "most", "walked", "led"),
    [(5_000, 100, 5_000, 20_000), (5_000, 100, 5_000, 0), (30, 100, 5_000, 20_000), (30, 100, 10, 0), (30, 1, 10, 20)],
    ids=["few", "few in spans", "many", "many and deep", "many unmerged"],
)
def test_every_page_of_every_filter_in_every_order(app, engine, record, monkeypatch, collected, most, walked, led):
    for name, value in {"COLLECTED": collected, "SHOWN": 25}.items():
        monkeypatch.setattr(listing, name, value)
    for name, value in {"MOST": led, "FEW": 0, "SPAN": 50}.items():
        monkeypatch.setattr(leads, name, value)
    monkeypatch.setattr(stretches, "MOST", most)
    monkeypatch.setattr(stretches, "WALKED", walked)
    monkeypatch.setattr(depths, "SPAN", 2 * walked)
    with Session(engine) as session:
        for query, wanted in [*FILTERS.items(), *together(FILTERS)]:
            limited = filters.requested(dict(parse_qsl(query)), TODAY)
            for sort, descending in itertools.product(("severity", *SORTS), (True, False)):
                ids = expected(record, wanted, sort, descending)
                order = Order(sort, descending)
                if sort == "lastSeen" and len(ids) > collected:
                    with pytest.raises(RequestError, match="More than 30 findings match"):
                        listing.page(session, limited, order, Page(1, 7), nothing)
                    continue
                exact = limited.is_plain or len(ids) <= collected
                for page in pages(len(ids)):
                    found = listing.page(session, limited, order, Page(page, 7), nothing)
                    assert (found.total, found.exact) == ((len(ids), True) if exact else (collected + 1, False)), query
                    reachable = ids if exact else ids[:25]
                    place = slice((page - 1) * 7, page * 7)
                    if exact or most > 1:
                        assert found.ids == reachable[place], (query, sort, descending, page)
                    else:  # any that match, sorted among one another
                        assert len(found.ids) == len(reachable[place])
                        assert found.ids == [number for number in ids if number in found.ids]


def test_few_among_the_first_of_the_index_are_no_list(app, engine, record, monkeypatch):
    """Then a part of what matches is shown, which is at least sorted."""
    ids, shown = shown_of_a_family(engine, record, monkeypatch, candidates=26)
    assert shown == [number for number in ids if number in shown] != ids[:25]


def test_behind_those_among_the_first_of_the_index_stands_a_part_of_the_rest(app, engine, record, monkeypatch):
    ids, shown = shown_of_a_family(engine, record, monkeypatch, candidates=40, probed=10)
    first = len(list(itertools.takewhile(lambda pair: pair[0] == pair[1], zip(ids, shown, strict=False))))
    assert 0 < first < 25
    assert shown == [number for number in ids if number in shown]


def shown_of_a_family(engine, record, monkeypatch, **constants):
    """The ids of a family by VPR, and what is shown of them: the same on one page as on several."""
    for name, value in {
        "COLLECTED": 30,
        "SHOWN": 25,
        **{name.upper(): value for name, value in constants.items()},
    }.items():
        monkeypatch.setattr(listing, name, value)
    with Session(engine) as session:
        limited = filters.requested({"family": "b"}, TODAY)
        whole, *parts = (
            listing.page(session, limited, Order("vpr", True), page, nothing)
            for page in (Page(1, 50), *(Page(number, 7) for number in range(1, 6)))
        )
    assert (whole.total, whole.exact, len(whole.ids)) == (31, False, 25)
    assert [number for part in parts for number in part.ids] == whole.ids
    return expected(record, FILTERS["family=b"], "vpr", True), whole.ids


def nothing():
    pass


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
