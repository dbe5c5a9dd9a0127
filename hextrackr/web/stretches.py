"""Findings in the order of an index that begins with the grade: one stretch of it for each grade, merged by the database.

How many findings each holds is known, so that whole stretches are skipped, and a page near the end is read from the end.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, select, union_all
from sqlalchemy.orm import Session

from hextrackr.models import Finding, StateTotal
from hextrackr.models.dialects import as_it_comes, in_order
from hextrackr.models.findings import OPEN_GRADE, grade

from . import depths
from .filters import Filters
from .ordering import Order

#: More stretches than this are not merged.
MOST = 100
#: So many findings are walked over to a page; one that lies deeper is looked up in :mod:`.depths`.
WALKED = 20_000


@dataclass(frozen=True)
class Stretch:
    """The findings of one grade, of one source or of all, that stand together in an index."""

    grade: int
    source: int | None
    findings: int


Group = Sequence[Stretch]
#: A statement for each stretch, with the columns ``key`` and ``id``, under a name that tells all that it is limited to.
Arms = Mapping[Hashable, Select[Any]]


class Stretches:
    """All stretches with findings of the grades and sources that a list is limited to.

    :ivar findings: how many they hold.
    """

    def __init__(self, session: Session, filters: Filters, order: Order) -> None:
        self._session = session
        self._filters = filters
        self._order = order
        self._all = self._found()
        self.findings = sum(stretch.findings for stretch in self._all)

    def ids(self, offset: int, limit: int, pause: Callable[[], Any]) -> list[int]:
        """The ids from ``offset`` on, at most ``limit``, where nothing else limits the list.

        :param pause: lets others have their turn.
        """
        if not self._are_merged:
            rows = self._filters.selecting(Finding.id).order_by(*self._order.columns).limit(limit).offset(offset)
            return list(self._session.scalars(rows))
        found: list[int] = []
        for group in self.groups():
            size = held(group)
            if offset < size and len(found) < limit:
                found += self._part(group, offset, min(limit - len(found), size - offset), pause)
            offset = max(0, offset - size)
        return found

    def groups(self) -> list[Group]:
        """The stretches that are merged with one another, in the order in which they follow: those of each severity, or all."""
        if not self._all or not self._are_merged:
            return []
        if self._order.sort != "severity":
            return [self._all]
        by_severity: dict[int, list[Stretch]] = {}
        for stretch in self._all:
            by_severity.setdefault(stretch.grade % OPEN_GRADE, []).append(stretch)
        return [by_severity[severity] for severity in sorted(by_severity, reverse=self._order.descending)]

    def first(self, group: Group, count: int) -> Any:
        """The ``key`` and the ``id`` of the first findings of a group."""
        return _merged(self._session, self._arms(group), self._order.descending, count)

    @property
    def _are_merged(self) -> bool:
        return self._order.is_indexed and len(self._all) <= MOST

    def _found(self) -> list[Stretch]:
        by_source = self._order.key is Finding.vpr  # so is its index
        counts: dict[tuple[int, int | None], int] = {}
        for row in self._session.scalars(select(StateTotal)):
            if self._filters.ask_for(row.lifecycle, row.severity, row.source_id):
                key = (grade(row.lifecycle, row.severity), row.source_id if by_source else None)
                counts[key] = counts.get(key, 0) + row.findings
        return [Stretch(*key, findings) for key, findings in sorted(counts.items(), key=str) if findings]

    def _part(self, group: Group, offset: int, limit: int, pause: Callable[[], Any]) -> list[int]:
        """Ids of a group, read from its end if that is nearer."""
        size, descending = held(group), self._order.descending
        from_end = offset > size // 2
        if from_end:
            offset, descending = size - offset - limit, not descending
        arms = self._arms(group)
        if offset <= WALKED:
            ids = self._walked(arms, descending, offset, limit)
        else:
            value, before = depths.place(self._session, arms, descending, offset, pause)
            ids = self._from(arms, value, descending, before, limit, pause)
        return ids[::-1] if from_end else ids

    def _from(
        self, arms: Arms, value: Any, descending: bool, before: int, limit: int, pause: Callable[[], Any]
    ) -> list[int]:
        """Ids from a value on, without the first ones of these that come ``before``."""
        key = self._order.key
        equal: Arms = {(name, value): arm for name, arm in _limited(arms, _equal(key, value)).items()}
        if before > WALKED:
            first, before = depths.place_of_id(self._session, equal, descending, before, pause)
            equal = _limited(equal, Finding.id <= first if descending else Finding.id >= first)
        ids = self._walked(equal, descending, before, limit)
        # What has no value is less than what has one.
        for condition in _beyond(key, value, descending):
            if len(ids) < limit:
                ids += self._walked(_limited(arms, condition), descending, 0, limit - len(ids))
        return ids

    def _walked(self, arms: Arms, descending: bool, offset: int, limit: int) -> list[int]:
        rows = _merged(self._session, arms, descending, offset + limit)
        return [row.id for row in self._session.execute(rows.limit(limit).offset(offset))]

    def _arms(self, group: Group) -> Arms:
        key = self._order.key
        sources = None if key is Finding.vpr else self._filters.sources  # by VPR each stretch is of one source
        return {(key.key, stretch, sources): self._arm(stretch, sources) for stretch in group}

    def _arm(self, stretch: Stretch, sources: frozenset[int] | None) -> Select[Any]:
        arm = select(self._order.key.label("key"), Finding.id.label("id")).where(Finding.grade == stretch.grade)
        if stretch.source is not None:
            return arm.where(Finding.source_id == stretch.source)
        return arm if sources is None else arm.where(Finding.source_id.in_(sorted(sources)))


def held(group: Group) -> int:
    """How many findings a group holds."""
    return sum(stretch.findings for stretch in group)


def _limited(arms: Arms, condition: Any) -> Arms:
    return {name: arm.where(condition) for name, arm in arms.items()}


def _equal(key: Any, value: Any) -> Any:
    return key.is_(None) if value is None else key == value


def _beyond(key: Any, value: Any, descending: bool) -> list[Any]:
    """The conditions on what comes after a value, one after the other."""
    if value is None:
        return [] if descending else [key.is_not(None)]
    return [key < value, key.is_(None)] if descending else [key > value]


def _merged(session: Session, arms: Arms, descending: bool, first: int) -> Any:
    """Rows in their order, of which the ``first`` are wanted."""
    one, *others = arms.values()
    if not others:
        return one.order_by(*_in(one, descending))
    merged = union_all(*(as_it_comes(session, arm, _in(arm, descending), first) for arm in arms.values()))
    return merged.order_by(*_in(merged, descending))


def _in(statement: Any, descending: bool) -> list[ColumnElement[Any]]:
    columns = statement.selected_columns
    return [in_order(column, descending) for column in (columns.key, columns.id)]
