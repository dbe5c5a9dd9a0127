"""One page of a list of findings, quickly whatever it is limited to and however it is sorted.

A list that is limited by severity, state and source only is read in the order of an index that begins with the grade: one stretch of it
for each grade, merged by the database; how many findings each holds is known, so that whole stretches are skipped and a page near the
end is read from the end. Of any other list the findings are collected first, up to a bound, and sorted. What matches more than that is
read in the index's order up to a smaller bound: nobody pages through it, and the answer says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select, union_all
from sqlalchemy.orm import Session

from hextrackr.errors import RequestError
from hextrackr.models import Finding, StateTotal
from hextrackr.models.findings import OPEN_GRADE, grade

from .filters import Filters
from .paging import Page

#: So many findings are collected and sorted at most, and so many are shown of what matches more.
COLLECTED, SHOWN = 20_000, 1_000

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
        return [column.desc() if self.descending else column.asc() for column in plain]


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


def page(session: Session, filters: Filters, order: Order, wanted: Page) -> Listed:
    """Find one page."""
    stretches = _stretches(session, filters, by_source=order.sort in ("severity", "vpr"))
    if not filters.conditions:
        total = sum(stretch.findings for stretch in stretches)
        ids = _in_order(session, filters, order, stretches, wanted.offset, wanted.limit)
        return Listed(ids, total)
    keys: list[Any] = [Finding.id, *_keys(order)]
    collected = select(*keys).where(*filters.on_findings()).limit(COLLECTED + 1).cte("collected")
    count = select(func.count()).select_from(collected).scalar_subquery()
    columns = [*(collected.c[key.key] for key in _keys(order)), collected.c.id]
    sorting = [column.desc() if order.descending else column.asc() for column in columns]
    rows = session.execute(
        select(collected.c.id, count.label("total")).order_by(*sorting).limit(wanted.limit).offset(wanted.offset)
    ).all()
    matched = rows[0].total if rows else session.scalar(select(count)) or 0
    if matched <= COLLECTED:
        return Listed([row.id for row in rows], matched)
    shown = max(0, min(wanted.limit, SHOWN - wanted.offset))
    return Listed(_in_order(session, filters, order, stretches, wanted.offset, shown), matched, exact=False)


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
    """The ids from ``offset`` on, at most ``limit``; whole groups of stretches are skipped if their sizes are known."""
    if order.sort not in _INDEXED or len(stretches) > _MOST_STRETCHES:
        unindexed = filters.on_findings(led_by_grade=False)
        rows = select(Finding.id).where(*unindexed).order_by(*order.columns).limit(limit).offset(offset)
        return list(session.scalars(rows))
    found: list[int] = []
    skipped = 0
    for group in _groups(order, stretches):
        size = sum(stretch.findings for stretch in group)
        if not filters.conditions and skipped + size <= offset:
            skipped += size
            continue
        wanted = offset + limit - skipped - len(found)
        if wanted <= 0:
            break
        if filters.conditions:  # nobody knows how many of the group match, so that all before the page have to be read
            found += _merged(filters, order, group, session, 0, wanted)
        else:
            first = max(0, offset - skipped - len(found))
            found += _merged(filters, order, group, session, first, wanted - first, size)
            skipped += first
    return found[offset - skipped :]


def _groups(order: Order, stretches: Sequence[_Stretch]) -> list[list[_Stretch]]:
    """The stretches that are merged with one another, in the order in which they follow: those of each severity, or all."""
    if order.sort != "severity":
        return [list(stretches)] if stretches else []
    by_severity: dict[int, list[_Stretch]] = {}
    for stretch in stretches:
        by_severity.setdefault(stretch.grade % OPEN_GRADE, []).append(stretch)
    return [by_severity[severity] for severity in sorted(by_severity, reverse=order.descending)]


def _merged(
    filters: Filters,
    order: Order,
    group: Sequence[_Stretch],
    session: Session,
    offset: int,
    limit: int,
    size: int | None = None,
) -> list[int]:
    """Rows of a group, read from its end if that is nearer; ``size`` is None if nobody knows how many there are."""
    from_end = size is not None and offset > size // 2
    if from_end:
        assert size is not None
        limit = min(limit, size - offset)
        offset = size - offset - limit
    descending = order.descending != from_end
    arms = [_arm(filters, order, stretch) for stretch in group]
    merged: Any = arms[0] if len(arms) == 1 else union_all(*arms)
    columns = merged.selected_columns
    sorting = [column.desc() if descending else column.asc() for column in (columns.key, columns.id)]
    ids = [row.id for row in session.execute(merged.order_by(*sorting).limit(limit).offset(offset))]
    return ids[::-1] if from_end else ids


def _arm(filters: Filters, order: Order, stretch: _Stretch) -> Select[Any]:
    arm = select(_SORTS[order.sort].label("key"), Finding.id.label("id")).where(Finding.grade == stretch.grade)
    if stretch.source is not None:
        arm = arm.where(Finding.source_id == stretch.source)
    elif filters.sources is not None:
        arm = arm.where(Finding.source_id.in_(sorted(filters.sources)))
    return arm.where(*filters.conditions)
