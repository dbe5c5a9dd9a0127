"""Findings in groups against a plain model: every group of every filter, in every order, with exact figures."""

from __future__ import annotations

import itertools
import random

import pytest

from hextrackr.domain.models import WORST_FIRST
from hextrackr.errors import RequestError
from tests.queries.filter_cases import FILTERS, together

#: How each group is told, and of which finding it is.
KEYS = {
    "host": ("hostId", lambda row: row["asset_id"]),
    "definition": ("definitionId", lambda row: row["definition_id"]),
    "cve": ("cve", lambda row: row["cve"]),
    "source": ("sourceId", lambda row: row["source_id"]),
    "family": ("family", lambda row: row["definition"]["family"]),
    "os": ("os", lambda row: row["asset"]["os"] or ""),
}


def of(rows):
    """The figures of a group, as an answer has them."""
    return {
        "findings": len(rows),
        "hosts": len({row["asset_id"] for row in rows}),
        "bySeverity": {each.name.lower(): sum(row["severity"] == each for row in rows) for each in WORST_FIRST},
        "vprSum": round(sum(row["vpr"] or 0 for row in rows), 1),
        "firstSeen": min(row["first_seen"] for row in rows),
        "lastSeen": max(row["last_seen"] for row in rows),
    }


def severities(group):
    return tuple(group["bySeverity"].values())


SORTS = {
    "weight": lambda group, vpr: (*severities(group), vpr),
    "findings": lambda group, vpr: (group["findings"], *severities(group)),
    "hosts": lambda group, vpr: (group["hosts"], *severities(group)),
    "vpr": lambda group, vpr: (vpr, *severities(group)),
    "medium": lambda group, vpr: (group["bySeverity"]["medium"], *severities(group)),
    "firstSeen": lambda group, vpr: (group["firstSeen"],),
    "lastSeen": lambda group, vpr: (group["lastSeen"],),
}


def grouped(record, wanted, by):
    groups = {}
    for row in filter(wanted, record):
        groups.setdefault(KEYS[by][1](row), []).append(row)
    return groups


@pytest.mark.parametrize("by", KEYS)
def test_every_group_of_every_filter_in_every_order(record, ask, by):
    rng = random.Random(by)
    cases = list(itertools.product([*FILTERS.items(), *together(FILTERS)], SORTS, ("desc", "asc")))
    for (query, wanted), sort, direction in rng.sample(cases, 12):
        groups = grouped(record, wanted, by)
        sums = {key: round(sum(row["vpr"] or 0 for row in rows), 2) for key, rows in groups.items()}
        recorded = sorted(groups)  # what is equal stands in the order in which it came on record
        keys = sorted(recorded, key=lambda key: SORTS[sort](of(groups[key]), sums[key]), reverse=direction == "desc")
        parameters = {"by": by, "sort": sort, "order": direction, "limit": "5"}
        for page in {1, 2, len(keys) // 5 + 1, len(keys) // 5 + 2}:
            answer = ask("list_groups", query, **parameters, page=str(page))
            shown = keys[(page - 1) * 5 : page * 5]
            assert [group[KEYS[by][0]] for group in answer["data"]] == shown, (query, sort, direction, page)
            assert [
                {name: group[name] for name in of(groups[key])}
                for key, group in zip(shown, answer["data"], strict=True)
            ] == [of(groups[key]) for key in shown]
            assert answer["pagination"]["total"] == len(groups)
            assert answer["totals"]["findings"] == sum(map(len, groups.values()))


@pytest.mark.parametrize(
    ("by", "sort"),
    [*((by, "weight") for by in KEYS), *(("definition", sort) for sort in [*SORTS, "name"] if sort != "weight")],
)
def test_cursors_lead_through_all_groups(record, ask, by, sort):
    found, cursor = [], {}
    while cursor is not None:
        answer = ask("list_groups", by=by, sort=sort, limit="4", **cursor)
        found += [group[KEYS[by][0]] for group in answer["data"]]
        following = answer["pagination"]["next"]
        cursor = {"cursor": following} if following else None
    assert len(found) == len(set(found)) == len(grouped(record, FILTERS[""], by))


@pytest.mark.parametrize("query", ["by=color", "sort=title", "by=host&order=up", "by=host&severity=worst"])
def test_what_cannot_be_read_is_refused(record, ask, query):
    with pytest.raises(RequestError):
        ask("list_groups", query)
