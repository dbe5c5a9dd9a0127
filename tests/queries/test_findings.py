"""Lists of findings against a plain model: every filter and pairs of them, every order, every page, exact totals."""

from __future__ import annotations

import itertools
import random
from datetime import date
from urllib.parse import parse_qs

import pytest

from hextrackr.errors import RequestError
from hextrackr.queries import filters, findings, order
from tests.queries.filter_cases import FILTERS, together


def days_between(first, last):
    return (date.fromisoformat(last) - date.fromisoformat(first)).days


#: What a list is sorted by, as the plain model has it; what has no value is less than what has one.
SORTS = {
    "severity": lambda row: (row["severity"], row["vpr"] or -1),
    "vpr": lambda row: row["vpr"] or -1,
    "cvss": lambda row: row["cvss"] or -1,
    "epss": lambda row: row["definition"]["epss"],
    "firstSeen": lambda row: row["first_seen"],
    "lastSeen": lambda row: row["last_seen"],
    "resolvedOn": lambda row: row["resolved_on"] or "",
    "daysOpen": lambda row: days_between(row["first_seen"], row["resolved_on"] or str(date.today())),
    "published": lambda row: row["definition"]["published"] or "",
    "updated": lambda row: row["definition"]["updated"],
    "id": lambda row: row["id"],
    "fqdn": lambda row: row["asset"]["fqdn"] or "",
    "os": lambda row: (row["asset"]["os"] or "").lower(),
    "pluginId": lambda row: row["definition"]["key"],
    "description": lambda row: row["definition"]["description"] or "",
    "solution": lambda row: row["definition"]["solution"],
    "evidence": lambda row: "",
    "scanner": lambda row: "",
    "host": lambda row: row["asset"]["name"],
    "ip": lambda row: tuple(map(int, row["asset"]["ip"].split("."))),
    "title": lambda row: row["definition"]["title"].lower(),
    "family": lambda row: row["definition"]["family"],
    "cves": lambda row: row["cve"],
    "port": lambda row: row["port"],
    "protocol": lambda row: row["protocol"],
    "state": lambda row: row["lifecycle"],
    "source": lambda row: row["source_id"],
}
SEVERITIES = ("info", "low", "medium", "high", "critical")


def expected(record, wanted, sort, descending):
    matching = filter(wanted, record)
    return [row["id"] for row in sorted(matching, key=lambda row: (SORTS[sort](row), row["id"]), reverse=descending)]


def ids(answer):
    return [row["id"] for row in answer["data"]]


def test_the_model_has_every_filter_and_every_order():
    assert SORTS.keys() == findings.SORTS.keys()
    assert {row.parameter for row in filters.FILTERS} <= {name for query in FILTERS for name in parse_qs(query)}


def test_every_page_of_every_filter_in_every_order(record, ask):
    rng = random.Random(0)
    cases = list(itertools.product([*FILTERS.items(), *together(FILTERS)], SORTS, ("desc", "asc")))
    for (query, wanted), sort, direction in rng.sample(cases, 60):
        every = expected(record, wanted, sort, direction == "desc")
        order = {"sort": sort, "order": direction}
        for page in {1, 2, len(every) // 7 + 1}:
            answer = ask("list_findings", query, **order, limit="7", page=str(page))
            assert ids(answer) == every[(page - 1) * 7 : page * 7], (query, sort, direction, page)
            assert answer["pagination"]["total"] == len(every)


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("direction", ["desc", "asc"])
def test_cursors_lead_through_the_whole_list(record, ask, sort, direction):
    found, cursor = [], {}
    while cursor is not None:
        answer = ask("list_findings", "state=open", sort=sort, order=direction, limit="45", **cursor)
        found += ids(answer)
        following = answer["pagination"]["next"]
        cursor = {"cursor": following} if following else None
    assert found == expected(record, FILTERS["state=open"], sort, direction == "desc")


def test_the_totals_are_those_of_what_is_filtered(record, ask):
    for query in FILTERS:
        matching = list(filter(FILTERS[query], record))
        assert ask("list_findings", query)["totals"] == {
            "findings": len(matching),
            "vprSum": round(sum(row["vpr"] or 0 for row in matching), 1),
            "bySeverity": {
                name: sum(row["severity"] == number for row in matching)
                for number, name in reversed([*enumerate(SEVERITIES)])
            },
        }


REFUSED = (
    "severity=worst", "state=gone", "source=x", "source=0", "definition=-1", "definition=1.5", "port=70000", "host=99999999999",
    "vprMin=11", "vprMin=x", "epssMax=2", "firstSeenFrom=yesterday", "ageMin=-1", "changedBy=x", "change=moved", "changedFrom=x",
    "importedAfter=x", "firstScan=maybe", "resolvedTo=x",
    "sort=color", "order=up", "page=0", "limit=501", "cursor=x", "cursor=W10", "searchIn=everything&search=a",
    "search=a b c d e f g h i j k",
)  # fmt: skip


def test_what_cannot_be_read_is_refused(record, ask):
    for query in REFUSED:
        with pytest.raises(RequestError):
            ask("list_findings", query)


def test_what_imports_did_is_looked_for_in_one_import_and_said_in_words(record, ask):
    answer = ask("list_findings", "changedBy=1&changedFrom=2026-08-21")
    assert answer["pagination"]["total"] == 0  # import 1 is of the day before, whatever import 2 did to its findings
    query = "changedTo=2026-08-21&change=resolved&firstScan=false&importedAfter=1787220000000"
    assert ask("list_findings", query)["filters"] == {
        "changedTo": "Changed by scans until 2026-08-21",
        "change": "Only what was resolved",
        "firstScan": "Not by the first scan of a source",
        "importedAfter": "Changed by imports after 2026-08-20 10:00 UTC",
    }
    assert ask("list_findings", "change=resolved")["pagination"]["total"] == 20


def test_pages_are_numbered_up_to_some_rows(record, ask, monkeypatch):
    monkeypatch.setattr(order, "NUMBERED_ROWS", 20)
    for listed, query in (("list_findings", ""), ("list_groups", "by=definition")):
        told = ask(listed, query, limit="7", page="2")["pagination"]
        assert (told["numberedPages"], told["next"] is not None) == (2, True)
        with pytest.raises(RequestError, match="use the cursor"):
            ask(listed, query, limit="7", page="3")
        assert ask(listed, query, limit="7", page="1000")["data"] == []
