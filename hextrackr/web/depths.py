"""How deep each value lies in a sorted list, so that a page far from both of its ends is found without walking there.

How many findings have each value is counted when such a page is asked for, and kept until an import ends or is undone. Where many have
the same, they are counted by their ids up to the page: to count is much faster than to merge.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, Select, func, select
from sqlalchemy.orm import Session

from hextrackr.models import Finding, Import

_Counts = Mapping[Any, int]
#: So many ids are counted at a time.
SPAN = 25_000
#: So many statements have their values kept.
_MOST = 500
#: For each database: when the record changed last, and what has been counted since.
_kept: WeakKeyDictionary[Engine, tuple[Any, dict[Hashable, _Counts]]] = WeakKeyDictionary()


def place(
    session: Session,
    parts: Mapping[Any, Select[Any]],
    descending: bool,
    offset: int,
    pause: Callable[[], Any],
) -> tuple[Any, int]:
    """Where a row stands in the order of its value, among the rows of several statements.

    :param parts: statements with a column ``key``, each under a hashable name that tells all that it is limited to.
    :param pause: lets others have their turn.
    :return: the row's value, and how many rows of that value come before it.
    """
    counts = Counter[Any]()
    kept = _since_last_change(session)
    for name, statement in parts.items():
        if name not in kept:
            key = statement.selected_columns.key
            rows = session.execute(statement.with_only_columns(key, func.count()).group_by(key))
            kept[name] = {value: count for value, count in rows}
            pause()
        counts.update(kept[name])
    value = None
    # What has no value is less than what has one.
    for value in sorted(counts, key=lambda value: (value is not None, value), reverse=descending):
        if offset < counts[value]:
            break
        offset -= counts[value]
    return value, offset


def place_of_id(
    session: Session, parts: Sequence[Select[Any]], descending: bool, offset: int, pause: Callable[[], Any]
) -> tuple[int, int]:
    """Where a row stands in the order of its id, among the rows of several statements with a column ``id``.

    :param pause: lets others have their turn.
    :return: an id with which to begin, and how many rows from there on come before the row.
    """
    newest = session.scalar(select(func.max(Finding.id))) or 0
    first = range(0, newest + 1, SPAN)
    for low in reversed(first) if descending else first:
        within = (Finding.id >= low, Finding.id < low + SPAN)
        counts = [part.with_only_columns(func.count()).where(*within).scalar_subquery() for part in parts]
        count = session.scalar(select(sum(counts[1:], start=counts[0]))) or 0
        if offset < count:
            return (low + SPAN - 1 if descending else low), offset
        offset -= count
        pause()
    return (0 if descending else newest + 1), offset


def _since_last_change(session: Session) -> dict[Hashable, _Counts]:
    """What has been counted since findings changed."""
    changed = session.execute(
        select(func.count(), func.max(Import.finished_at), func.max(Import.undone_at)).select_from(Import)
    ).one()
    engine = session.get_bind()
    assert isinstance(engine, Engine)
    if engine not in _kept or _kept[engine][0] != changed or len(_kept[engine][1]) > _MOST:
        _kept[engine] = changed, {}
    return _kept[engine][1]
