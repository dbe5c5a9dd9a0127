"""One page of a list of findings, quickly whatever it is limited to and however it is sorted.

A list that is limited by severity, state and source only is read in the order of an index that begins with the grade: one stretch of it
for each grade, merged by the database; how many findings each holds is known, so that whole stretches are skipped and a page near the
end is read from the end. Of any other list the findings are collected first, up to a bound, and sorted. Where more match, those among
the first of the index are shown; where too few of these match, a part of what matches, sorted. Nobody pages through so many, and the
answer says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select, union_all
from sqlalchemy.orm import Session

from hextrackr.errors import RequestError
from hextrackr.models import Finding, StateTotal
from hextrackr.models.dialects import as_it_comes, in_order
from hextrackr.models.findings import OPEN_GRADE, grade

from .filters import Filters
from .paging import Page

#: So many findings are collected and sorted at most; so many are shown of what matches more, from so many of the index.
COLLECTED, SHOWN, CANDIDATES = 5_000, 1_000, 10_000
#: So many findings are looked at before others have their turn, where no index leads to those that match.
_SPAN = 100_000

_SORTS: dict[str, Any] = {
    "severity": Finding.vpr,
    "vpr": Finding.vpr,
    "cvss": Finding.cvss,
    "firstSeen": Finding.first_seen,
    "lastSeen": Finding.last_seen,
}
#: What an index has in order for one grade; ``severity`` is in that of VPR, one severity after the other.
_INDEXED = ("severity", "vpr", "cvss", "firstSeen")
#: More stretches than this are not merged.
_MOST_STRETCHES = 100


@dataclass(frozen=True)
class Order:
    """What a list is sorted by; equals stand in the order of their ids."""

    sort: str
    descending: bool

    @property
    def columns(self) -> list[ColumnElement[Any]]:
        """The columns, as ``ORDER BY`` takes them."""
        plain = [*([Finding.severity] if self.sort == "severity" else []), _SORTS[self.sort], Finding.id]
        return [in_order(column, self.descending) for column in plain]


@dataclass(frozen=True)
class Listed:
    """The ids of a page, in order; ``total`` is the least number of findings that match if it is not ``exact``."""

    ids: list[int]
    total: int
    exact: bool = True


@dataclass(frozen=True)
class _Stretch:
    """The findings of one grade, of one source or of all, that stand together in an index."""

    grade: int
    source: int | None
    findings: int


def order(arguments: Mapping[str, str]) -> Order:
    """The order that ``sort`` and ``order`` ask for; the worst first by default.

    :raises RequestError: an order that does not exist.
    """
    sort, direction = arguments.get("sort", "severity"), arguments.get("order", "desc")
    if sort not in _SORTS or direction not in ("asc", "desc"):
        raise RequestError(f"sort must be one of {', '.join(_SORTS)}, and order asc or desc.")
    return Order(sort, direction == "desc")


def page(session: Session, filters: Filters, order: Order, wanted: Page, pause: Callable[[], Any]) -> Listed:
    """Find one page.

    :param pause: lets others have their turn.
    :raises RequestError: an order that no index has, of more findings than are collected.
    """
    stretches = _stretches(session, filters, by_source=order.sort in ("severity", "vpr"))
    held = sum(stretch.findings for stretch in stretches)
    if filters.is_plain and (order.sort in _INDEXED or held <= COLLECTED):
        return Listed(_in_order(session, filters, order, stretches, wanted.offset, wanted.limit), held)
    filters = filters.looked_up(session)
    place = slice(wanted.offset, wanted.offset + wanted.limit)
    many = order.sort in _INDEXED and not filters.unindexed and _are_many(session, filters)
    if many and (first := _first_matching(session, filters, order, stretches)):
        return Listed(first[place], COLLECTED + 1, exact=False)
    collected = _collected(session, filters, order, pause)
    if len(collected) <= COLLECTED:
        return Listed(collected[place], len(collected))
    if order.sort not in _INDEXED:
        raise RequestError(
            f"More than {COLLECTED:,} findings match: limit the list before it is sorted by {order.sort}."
        )
    first = [] if many else _first_matching(session, filters, order, stretches)
    return Listed((first or collected[:SHOWN])[place], len(collected), exact=False)


def _are_many(session: Session, filters: Filters) -> bool:
    """Whether more than what is collected matches, told without collecting it."""
    for statement in filters.selecting(Finding.id):
        some = statement.limit(COLLECTED + 1).subquery()
        if (session.scalar(select(func.count()).select_from(some)) or 0) > COLLECTED:
            return True
    return False


def _collected(session: Session, filters: Filters, order: Order, pause: Callable[[], Any]) -> list[int]:
    """What matches, sorted; no more than one above the bound, and then any of them."""
    found: dict[int, Any] = {}
    for statement in collecting(session, filters, Finding.id, *_keys(order)):
        for row in session.execute(statement.limit(COLLECTED + 1)):
            found[row[0]] = row
        if len(found) > COLLECTED:
            break
        pause()

    def key(row: Any) -> list[Any]:  # what has no value is less than what has one, as it is for SQLite
        return [*((value is not None, value) for value in row[1:]), row[0]]

    return [row[0] for row in sorted(found.values(), key=key, reverse=order.descending)][: COLLECTED + 1]


def collecting(session: Session, filters: Filters, *columns: Any) -> Iterator[Select[Any]]:
    """Statements that find what matches, each of them quickly; together, and a finding may be found twice."""
    for statement in filters.selecting(*columns):
        if not filters.unindexed:
            yield statement
            continue
        newest = session.scalar(select(func.max(Finding.id))) or 0
        for first in range(0, newest + 1, _SPAN):
            yield statement.where(Finding.id >= first, Finding.id < first + _SPAN)


def _first_matching(session: Session, filters: Filters, order: Order, stretches: Sequence[_Stretch]) -> list[int]:
    """The first ones in order, if enough of them are among the first of the index; else none."""
    found: list[int] = []
    left = CANDIDATES
    for group in _groups(order, stretches) if len(stretches) <= _MOST_STRETCHES else []:
        candidates = _merged(session, filters, order, group, order.descending, left).limit(left).subquery("candidates")
        # Looked up one by one in their order, so that the search ends with the last one that is wanted.
        matches = select(Finding.id).where(Finding.id == candidates.c.id, *filters.looked_at()).exists()
        first = select(candidates.c.id).where(matches).limit(SHOWN - len(found))
        order_by = [in_order(column, order.descending) for column in (candidates.c.key, candidates.c.id)]
        found += session.scalars(as_it_comes(session, first, order_by))
        left -= sum(stretch.findings for stretch in group)
        if left <= 0 or len(found) == SHOWN:
            break
    return found if len(found) == SHOWN else []


def _keys(order: Order) -> list[Any]:
    return [*([Finding.severity] if order.sort == "severity" else []), _SORTS[order.sort]]


def _stretches(session: Session, filters: Filters, *, by_source: bool) -> list[_Stretch]:
    """The stretches that hold findings."""
    counts: dict[tuple[int, int | None], int] = {}
    for row in session.scalars(select(StateTotal)):
        key = (grade(row.lifecycle, row.severity), row.source_id if by_source else None)
        if key[0] in filters.grades and (filters.sources is None or row.source_id in filters.sources):
            counts[key] = counts.get(key, 0) + row.findings
    return [_Stretch(*key, findings) for key, findings in sorted(counts.items(), key=str) if findings]


def _in_order(
    session: Session, filters: Filters, order: Order, stretches: Sequence[_Stretch], offset: int, limit: int
) -> list[int]:
    """The ids from ``offset`` on, at most ``limit``, where nothing but the stretches limits the list; whole groups of them are skipped."""
    if order.sort not in _INDEXED or len(stretches) > _MOST_STRETCHES:
        unindexed = filters.on_findings(led_by_grade=False)
        rows = select(Finding.id).where(*unindexed).order_by(*order.columns).limit(limit).offset(offset)
        return list(session.scalars(rows))
    found: list[int] = []
    for group in _groups(order, stretches):
        size = sum(stretch.findings for stretch in group)
        if offset < size and len(found) < limit:
            found += _part(session, filters, order, group, offset, min(limit - len(found), size - offset), size)
        offset = max(0, offset - size)
    return found


def _groups(order: Order, stretches: Sequence[_Stretch]) -> list[list[_Stretch]]:
    """The stretches that are merged with one another, in the order in which they follow: those of each severity, or all."""
    if order.sort != "severity":
        return [list(stretches)] if stretches else []
    by_severity: dict[int, list[_Stretch]] = {}
    for stretch in stretches:
        by_severity.setdefault(stretch.grade % OPEN_GRADE, []).append(stretch)
    return [by_severity[severity] for severity in sorted(by_severity, reverse=order.descending)]


def _part(
    session: Session,
    filters: Filters,
    order: Order,
    group: Sequence[_Stretch],
    offset: int,
    limit: int,
    size: int,
) -> list[int]:
    """Rows of a group of this size, read from its end if that is nearer."""
    from_end = offset > size // 2
    if from_end:
        offset = size - offset - limit
    merged = _merged(session, filters, order, group, order.descending != from_end, offset + limit)
    ids = [row.id for row in session.execute(merged.limit(limit).offset(offset))]
    return ids[::-1] if from_end else ids


def _merged(
    session: Session, filters: Filters, order: Order, group: Sequence[_Stretch], descending: bool, first: int
) -> Any:
    """The rows of a group in their order, of which the ``first`` are wanted."""
    arms = [_arm(filters, order, stretch) for stretch in group]
    if len(arms) == 1:
        return arms[0].order_by(*_in(arms[0], descending))
    merged = union_all(*(as_it_comes(session, arm, _in(arm, descending), first) for arm in arms))
    return merged.order_by(*_in(merged, descending))


def _in(statement: Any, descending: bool) -> list[ColumnElement[Any]]:
    columns = statement.selected_columns
    return [in_order(column, descending) for column in (columns.key, columns.id)]


def _arm(filters: Filters, order: Order, stretch: _Stretch) -> Select[Any]:
    arm = select(_SORTS[order.sort].label("key"), Finding.id.label("id")).where(Finding.grade == stretch.grade)
    if stretch.source is not None:
        return arm.where(Finding.source_id == stretch.source)
    return arm if filters.sources is None else arm.where(Finding.source_id.in_(sorted(filters.sources)))
