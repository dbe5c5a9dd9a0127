"""Findings in the order of an index that begins with source and grade: one stretch of it for each of these, merged by the database.

How many findings each holds is known, so that whole stretches are skipped, and a page near the end is read from the end.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Select, select, union_all
from sqlalchemy.orm import Session

from hextrackr.db.dialects import as_it_comes, in_order
from hextrackr.domain.models import OPEN_GRADE, Finding, grade

from . import depths
from .filters import Filters
from .ordering import Order

#: More stretches than this are not merged.
MOST = 250
#: So many findings are walked over to a page; one that lies deeper is looked up in :mod:`.depths`.
WALKED = 20_000


@dataclass(frozen=True)
class Stretch:
    """The findings of one grade of one source, which stand together in an index."""

    grade: int
    source: int
    findings: int


#: A statement for each stretch, with the columns ``key`` and ``id``, under a name that tells all that it is limited to.
Arms = Mapping[Hashable, Select[Any]]


class Group:
    """Stretches that are merged with one another in the order of a column.

    :ivar findings: how many they hold.
    """

    def __init__(self, stretches: Sequence[Stretch], key: Any) -> None:
        self.findings = sum(stretch.findings for stretch in stretches)
        self._stretches = stretches
        self._key = key

    @cached_property
    def arms(self) -> Arms:
        """The statements for its stretches."""
        rows = select(self._key.label("key"), Finding.id.label("id"))
        return {
            (self._key.key, stretch): rows.where(Finding.source_id == stretch.source, Finding.grade == stretch.grade)
            for stretch in self._stretches
        }


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
        groups = self.groups()
        if groups is None:
            rows = self._filters.selecting(Finding.id).order_by(*self._order.columns).limit(limit).offset(offset)
            return list(self._session.scalars(rows))
        found: list[int] = []
        for group, start in _from(groups, offset):
            found += self._part(group, start, min(limit - len(found), group.findings - start), pause)
            if len(found) == limit:
                break
        return found

    def count(self, pause: Callable[[], Any]) -> None:
        """Count, and keep, what the page in the middle is found by, see :mod:`.depths`; the page itself is not read.

        :param pause: lets others have their turn.
        """
        for group, start in islice(_from(self.groups() or (), self.findings // 2), 1):
            self._part(group, start, 0, pause)
            pause()

    def groups(self) -> list[Group] | None:
        """The stretches that are merged with one another, in the order in which they follow: those of each severity, or all.

        :return: None if no index has them in order, or they are too many.
        """
        if not self._order.is_indexed:
            return None
        by_severity = self._order.sort == "severity"
        groups: dict[int, list[Stretch]] = {}
        for stretch in self._all:
            groups.setdefault(stretch.grade % OPEN_GRADE if by_severity else 0, []).append(stretch)
        if any(len(group) > MOST for group in groups.values()):
            return None
        in_turn = sorted(groups, reverse=self._order.descending)
        return [Group(groups[severity], self._order.key) for severity in in_turn]

    def first(self, group: Group, count: int) -> Any:
        """The ``key`` and the ``id`` of the first findings of a group."""
        return _merged(self._session, group.arms, self._order.descending, count)

    def _found(self) -> list[Stretch]:
        return [
            Stretch(grade(row.lifecycle, row.severity), row.source_id, row.findings)
            for row in self._filters.totals(self._session)
        ]

    def _part(self, group: Group, offset: int, limit: int, pause: Callable[[], Any]) -> list[int]:
        """Ids of a group, read from its end if that is nearer."""
        descending = self._order.descending
        from_end = offset > group.findings // 2
        if from_end:
            offset, descending = group.findings - offset - limit, not descending
        if offset <= WALKED:
            ids = self._walked(group.arms, descending, offset, limit)
        else:
            value, before = depths.place(self._session, group.arms, descending, offset, pause)
            ids = self._at(group.arms, value, descending, before, limit, pause)
        return ids[::-1] if from_end else ids

    def _at(
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
        if not limit:
            return []
        rows = _merged(self._session, arms, descending, offset + limit)
        return [row.id for row in self._session.execute(rows.limit(limit).offset(offset))]


def _from(groups: Iterable[Group], offset: int) -> Iterator[tuple[Group, int]]:
    """The groups from an offset in all of them on, each with the place in it at which to begin."""
    for group in groups:
        if offset < group.findings:
            yield group, offset
        offset = max(0, offset - group.findings)


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
