"""Finds what a list is limited to, by the limit that the fewest findings meet.

For each limit to which indexes lead it is counted how many findings these hold, up to a bound. Where one of them holds few, what it
leads to is looked at. Where all hold many, either many match, and then they are soon met by looking at one finding after the other, or
all of them are looked at, which takes less time than to look up many one by one. That is done in spans, between which others have
their turn.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import Select, func, select

from hextrackr.domain.models import Finding

from .filters import Filters
from .limits import PLAIN, Limit
from .lookups import Bound

#: So many findings are looked up by an index at most, and so few that no better one is looked for.
MOST, FEW = 20_000, 500
#: So many are looked at one after the other before others have their turn.
SPAN = 100_000


@dataclass(frozen=True)
class Lead:
    """What leads to all that matches.

    :ivar limit: one of the filters' limits, or what limits every list.
    :ivar findings: how many it leads to; counted no further than to one above :data:`MOST`.
    :ivar certain: how many of them match for certain, as nothing else limits the list.
    """

    limit: Limit
    findings: int
    certain: int = 0

    @property
    def are_few(self) -> bool:
        """Whether all of them can be looked up at once."""
        return self.findings <= MOST


def best(bound: Bound, filters: Filters) -> Lead:
    """What leads to the fewest findings, of filters that have been looked up."""
    if whole := filters.whole:
        held = _held(bound, filters, whole)
        return Lead(whole, sum(held), max(held, default=0))
    found = Lead(PLAIN, min(MOST + 1, sum(row.findings for row in filters.totals(bound))))
    for limit in filters.limits:
        if found.findings > FEW and limit.leads and (findings := sum(_held(bound, filters, limit))) < found.findings:
            found = Lead(limit, findings)
    return found


def statements(bound: Bound, filters: Filters, lead: Lead, *columns: Any) -> Iterator[Select[Any]]:
    """Statements that find columns of what matches, each of them quickly; together, and a finding may be found twice."""
    if lead.are_few or lead.certain:
        yield from filters.led_by(lead.limit, *columns)
        return
    newest = bound.scalar(select(func.max(Finding.id))) or 0
    spans = deque(range(0, newest + 1, SPAN))
    while spans:
        # What matches is of one source or of a few imports, it may be, and lies near one of the ends.
        first = spans.pop() if len(spans) % 2 else spans.popleft()
        yield filters.in_span(first, SPAN, *columns)


def are_more(bound: Bound, filters: Filters, lead: Lead, most: int, pause: Callable[[], Any]) -> bool:
    """Whether more than this many match, of which only as many are counted.

    :param pause: lets others have their turn.
    """
    if lead.certain:
        return lead.certain > most
    found = 0
    for statement in statements(bound, filters, lead, Finding.id):
        some = statement.limit(most + 1 - found).subquery()
        found += bound.scalar(select(func.count()).select_from(some)) or 0
        if found > most:
            return True
        pause()
    return False


def collect(
    bound: Bound, filters: Filters, lead: Lead, most: int, pause: Callable[[], Any], *columns: Any
) -> dict[int, Any]:
    """Id -> id and these columns of what matches; no more than one above ``most``, and then any of them.

    :param pause: lets others have their turn.
    """
    found: dict[int, Any] = {}
    for statement in statements(bound, filters, lead, Finding.id, *columns):
        for row in bound.execute(statement.limit(most + 1)):
            found[row[0]] = row
        if len(found) > most:
            break
        pause()
    return dict(islice(found.items(), most + 1))


def _held(bound: Bound, filters: Filters, limit: Limit) -> list[int]:
    """How many findings the indexes of a limit lead to, each counted up to the bound."""
    held = [filters.held_by(arm).limit(MOST + 1).subquery() for arm in limit.arms]
    return [bound.scalar(select(func.count()).select_from(ids)) or 0 for ids in held]
