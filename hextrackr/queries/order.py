"""The order of a list, and where a page of it begins: by number up to some rows, and by cursor beyond."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from hextrackr.errors import RequestError

from . import parameters

#: Pages up to so many rows are found by their number.
NUMBERED_ROWS = 10_000
MAX_LIMIT = 500


@dataclass(frozen=True)
class Key:
    """Something that rows are sorted by: SQL that is never NULL, as what has no value is less than what has one.

    :ivar rank: a number in the same order, if there is one: it is sorted faster, but is another one in each version of the record.
    """

    sql: str
    rank: str = ""


@dataclass(frozen=True)
class Order:
    """What a list is sorted by.

    :ivar by: each with whether the greatest comes first; the last one is different for each row.
    """

    by: tuple[tuple[Key, bool], ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys, which tell where a row stands."""
        return tuple(key.sql for key, _ in self.by)

    @property
    def sql(self) -> str:
        """For ORDER BY."""
        return ", ".join(f"{key.rank or key.sql} {'DESC' if descending else 'ASC'}" for key, descending in self.by)

    def behind(self, place: Sequence[Any]) -> tuple[str, dict[str, Any]]:
        """The condition on rows that stand behind the one with these keys, and its values."""
        values = {f"key{number}": value for number, value in enumerate(place)}
        conditions, same = [], ""
        for (key, descending), name in zip(self.by, values, strict=True):
            conditions.append(f"({same}{key.sql} {'<' if descending else '>'} ${name})")
            same += f"{key.sql} = ${name} AND "
        return f"({' OR '.join(conditions)})", values


@dataclass(frozen=True)
class Page:
    """A page of at most ``limit`` rows: the ``number``-th, from 1, or the one behind a row.

    :ivar behind: the keys of that row.
    """

    number: int
    limit: int
    behind: tuple[Any, ...] | None = None

    @property
    def offset(self) -> int:
        """How many rows stand before it, if it is found by its number."""
        return 0 if self.behind is not None else (self.number - 1) * self.limit

    def refuse_if_deep(self, total: int) -> None:
        """Refuse a page with rows that are found by a cursor only.

        :raises RequestError: it is one.
        """
        if self.behind is None and self.number * self.limit > NUMBERED_ROWS and self.limit <= self.offset < total:
            raise RequestError(
                f"Pages are numbered up to {NUMBERED_ROWS:,} rows; go on with the cursor that `next` of the page before has."
            )

    def pagination(self, total: int, last: Sequence[Any] | None) -> dict[str, Any]:
        """The ``pagination`` of an answer.

        :param last: the keys of the page's last row, if more rows stand behind it.
        """
        pages = max(1, -(-total // self.limit))
        return {
            "page": self.number,
            "limit": self.limit,
            "total": total,
            "totalExact": True,
            "pages": pages,
            "numberedPages": min(pages, NUMBERED_ROWS // self.limit),
            "next": None if last is None else _cursor(last),
        }


def requested(
    arguments: Mapping[str, str],
    keys: Mapping[str, tuple[Key, ...]],
    default: str,
    last: str,
    *,
    ties_ascend: bool = False,
) -> Order:
    """The order that ``sort`` and ``order`` ask for, the greatest first by default.

    :param keys: what each word for ``sort`` means.
    :param last: SQL that tells equal rows apart.
    :param ties_ascend: these stand with the least first, whatever the order of the others.
    :raises RequestError: an order that does not exist.
    """
    sort, direction = arguments.get("sort") or default, arguments.get("order") or "desc"
    if sort not in keys or direction not in ("asc", "desc"):
        raise RequestError(f"sort must be one of {', '.join(keys)}, and order asc or desc.")
    descending = direction == "desc"
    return Order((*((key, descending) for key in keys[sort]), (Key(last), descending and not ties_ascend)))


def page(arguments: Mapping[str, str], order: Order, default_limit: int = 50) -> Page:
    """The page that ``page`` and ``limit``, or ``cursor`` and ``limit``, ask for.

    :raises RequestError: a value out of its range.
    """
    text = parameters.text(arguments, "limit")
    limit = parameters.number("limit", text, 1, MAX_LIMIT) if text else default_limit
    text = parameters.text(arguments, "page")
    number = parameters.number("page", text, 1, 10_000_000) if text else 1
    cursor = arguments.get("cursor", "").strip()
    if cursor:
        return Page(number, limit, _keys(cursor, len(order.keys)))
    return Page(number, limit)


def _cursor(keys: Sequence[Any]) -> str:
    values = [{"day": key.isoformat()} if isinstance(key, date) else key for key in keys]
    return base64.urlsafe_b64encode(json.dumps(values, separators=(",", ":")).encode()).decode().rstrip("=")


def _keys(cursor: str, count: int) -> tuple[Any, ...]:
    refused = RequestError("This cursor does not belong to this list.")
    if len(cursor) > 8_192:
        raise refused
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        keys = tuple(date.fromisoformat(key["day"]) if isinstance(key, dict) else key for key in values)
    except (binascii.Error, ValueError, KeyError, TypeError):
        raise refused from None
    if len(keys) != count or any(not isinstance(key, str | int | float | date) for key in keys):
        raise refused
    return keys
