"""How deep each value lies in a sorted list, so that a page far from both of its ends is found without walking there.

How many findings have each value is counted when such a page is asked for, and kept until an import ends or is undone. Where many have
the same, they are counted by their ids up to the page, which is kept as well: to count is much faster than to merge.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from hextrackr.domain.models import Finding

from . import kept

#: Statements, each under a name that tells all that it is limited to.
Parts = Mapping[Hashable, Select[Any]]
#: So many ids, and so many rows, are counted at a time.
SPAN = PIECE = 25_000


def place(session: Session, parts: Parts, descending: bool, offset: int, pause: Callable[[], Any]) -> tuple[Any, int]:
    """Where a row stands in the order of its value, among the rows of several statements with the columns ``key`` and ``id``.

    :param pause: lets others have their turn.
    :return: the row's value, and how many rows of that value come before it.
    """
    counts = Counter[Any]()
    counted = kept.since_last_change(session)
    for name, statement in parts.items():
        if name not in counted:
            counted[name] = _counted(session, statement, pause)
        counts.update(counted[name])
    value = None
    # What has no value is less than what has one.
    for value in sorted(counts, key=lambda value: (value is not None, value), reverse=descending):
        if offset < counts[value]:
            break
        offset -= counts[value]
    return value, offset


def place_of_id(
    session: Session, parts: Parts, descending: bool, offset: int, pause: Callable[[], Any]
) -> tuple[int, int]:
    """Where a row stands in the order of its id, among the rows of several statements with a column ``id``.

    :param pause: lets others have their turn.
    :return: an id with which to begin, and how many rows from there on come before the row.
    """
    newest = session.scalar(select(func.max(Finding.id))) or 0
    counted: dict[int, int] = kept.since_last_change(session).setdefault(("ids", *parts), {})
    first = range(0, newest + 1, SPAN)
    for low in reversed(first) if descending else first:
        if low not in counted:
            within = (Finding.id >= low, Finding.id < low + SPAN)
            counts = [part.with_only_columns(func.count()).where(*within).scalar_subquery() for part in parts.values()]
            counted[low] = session.scalar(select(sum(counts[1:], start=counts[0]))) or 0
            pause()
        if offset < counted[low]:
            return (low + SPAN - 1 if descending else low), offset
        offset -= counted[low]
    return (0 if descending else newest + 1), offset


def _counted(session: Session, rows: Select[Any], pause: Callable[[], Any]) -> dict[Any, int]:
    """How many rows have each value, piece by piece of the index in which they stand: first those that have none."""
    key = rows.selected_columns.key
    valued, counts = rows.with_only_columns(key).order_by(key), rows.with_only_columns(key, func.count()).group_by(key)
    nothing = _equal(session, rows.where(key.is_(None)), pause)
    found: dict[Any, int] = {None: nothing} if nothing else {}
    beyond = key.is_not(None)
    while (last := session.scalar(valued.where(beyond).limit(1).offset(PIECE))) is not None:
        found |= {value: count for value, count in session.execute(counts.where(beyond, key < last))}
        pause()
        found[last] = _equal(session, rows.where(key == last), pause)
        beyond = key > last
    found |= {value: count for value, count in session.execute(counts.where(beyond))}
    pause()
    return found


def _equal(session: Session, rows: Select[Any], pause: Callable[[], Any]) -> int:
    """How many rows there are of one value, by their ids."""
    number, left, count = rows.selected_columns.id, rows, 0
    while (last := session.scalar(left.with_only_columns(number).order_by(number).limit(1).offset(PIECE))) is not None:
        count += PIECE + 1
        left = rows.where(number > last)
        pause()
    return count + (session.scalar(left.with_only_columns(func.count())) or 0)
