"""One page of a list of findings, quickly whatever it is limited to and however it is sorted.

A list that is limited by severity, state and source only is read in the order of an index, see :mod:`.stretches`. Of any other list
the findings are collected first, up to a bound, and sorted, see :mod:`.leads`. Where more match, those among the first of the index are
shown, as far as the page goes; behind them, or where they are rare, a part of what matches, sorted. Nobody pages through so many, and the
answer says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from hextrackr.db.dialects import as_it_comes, in_order
from hextrackr.domain.models import Finding
from hextrackr.errors import RequestError

from . import leads
from .filters import Filters
from .ordering import Order
from .paging import Page
from .stretches import Group, Stretches

#: So many findings are collected and sorted at most; so many are shown of what matches more, from so many of the index.
COLLECTED, SHOWN, CANDIDATES = 5_000, 1_000, 10_000
#: The first of these tell whether it is worth while to look at all of them.
PROBED = 500


@dataclass(frozen=True)
class Listed:
    """The ids of a page, in order; ``total`` is the least number of findings that match if it is not ``exact``."""

    ids: list[int]
    total: int
    exact: bool = True


def page(session: Session, filters: Filters, order: Order, wanted: Page, pause: Callable[[], Any]) -> Listed:
    """Find one page.

    :param pause: lets others have their turn.
    :raises RequestError: an order that no index has, of more findings than are collected.
    """
    held = Stretches(session, filters, order)
    if not held.findings:
        return Listed([], 0)
    if filters.is_plain and order.is_indexed:
        return Listed(held.ids(wanted.offset, wanted.limit, pause), held.findings)
    filters = filters.looked_up(session, pause)
    lead = leads.best(session, filters)
    place = slice(wanted.offset, wanted.offset + wanted.limit)
    wanted_first = min(SHOWN, place.stop)
    many = order.is_indexed and not lead.are_few
    first = _first_matching(session, filters, order, held, wanted_first) if many else []
    if len(first) == wanted_first and leads.are_more(session, filters, lead, COLLECTED, pause):
        return Listed(first[place], COLLECTED + 1, exact=False)
    rows = leads.collect(session, filters, lead, COLLECTED, pause, *order.keys)
    collected = [row[0] for row in _sorted(rows.values(), order)]
    if len(collected) <= COLLECTED:
        return Listed(collected[place], len(collected))
    if not order.is_indexed:
        raise RequestError(
            f"More than {COLLECTED:,} findings match: limit the list before it is sorted by {order.sort}."
        )
    if not many:
        first = _first_matching(session, filters, order, held, wanted_first)
    # What is not among the first comes after them in order.
    shown = list(dict.fromkeys([*first, *collected]))[:SHOWN]
    return Listed(shown[place], len(collected), exact=False)


def _sorted(rows: Iterable[Any], order: Order) -> list[Any]:
    """Rows that begin with the id and then have the columns of the order; what has no value is less than what has one."""
    found = sorted(rows, key=itemgetter(0), reverse=order.descending)
    for place in range(len(order.keys), 0, -1):  # the sort is stable, so the column that counts most comes last
        without = [row for row in found if row[place] is None]
        valued = [row for row in found if row[place] is not None]
        valued.sort(key=itemgetter(place), reverse=order.descending)
        found = valued + without if order.descending else without + valued
    return found


def _first_matching(session: Session, filters: Filters, order: Order, held: Stretches, count: int) -> list[int]:
    """As many of the first ones in order, of those among the first of the index; none if there are too few to look for them."""
    groups = held.groups()
    if not groups or _are_rare(session, filters, order, held, groups[0]):
        return []
    found: list[int] = []
    left = CANDIDATES
    for group in groups:
        found += session.scalars(_matching(session, filters, order, held, group, left).limit(count - len(found)))
        left -= group.findings
        if left <= 0 or len(found) == count:
            break
    return found


def _are_rare(session: Session, filters: Filters, order: Order, held: Stretches, group: Group) -> bool:
    """Whether those that match are so far apart that there will not be enough of them among the first of the index."""
    among_these = _matching(session, filters, order, held, group, PROBED).subquery()
    count = session.scalar(select(func.count()).select_from(among_these)) or 0
    return 2 * count * CANDIDATES < SHOWN * min(PROBED, group.findings)


def _matching(
    session: Session, filters: Filters, order: Order, held: Stretches, group: Group, count: int
) -> Select[Any]:
    """Selects the ids of what matches among the first ``count`` of a group, in order."""
    candidates = held.first(group, count).limit(count).subquery("candidates")
    # Looked up one by one in their order, so that the search ends with the last one that is wanted.
    matches = filters.selecting(Finding.id).where(Finding.id == candidates.c.id).exists()
    order_by = [in_order(column, order.descending) for column in (candidates.c.key, candidates.c.id)]
    return as_it_comes(session, select(candidates.c.id).where(matches), order_by)
