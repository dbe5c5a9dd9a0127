"""The order of a list and its pages, which are found by number in the first rows and by cursor after them."""

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

#: The number of rows that can be reached by page number.
NUMBERED_ROWS = 10_000
MAX_LIMIT = 500


@dataclass(frozen=True)
class Key:
    """A sort key: SQL that is never NULL; a missing value is lower than any other.

    :ivar rank: SQL for a number with the same order, if there is one. It sorts faster, but changes with each version of the record, so a
        cursor cannot use it.
    """

    sql: str
    rank: str = ""


@dataclass(frozen=True)
class Order:
    """The order of a list.

    :ivar by: sort keys, each with whether it is descending; the last one is unique.
    """

    by: tuple[tuple[Key, bool], ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """SQL for the keys, which together are the position of a row."""
        return tuple(key.sql for key, _ in self.by)

    @property
    def sql(self) -> str:
        """The ORDER BY clause."""
        return ", ".join(f"{key.rank or key.sql} {'DESC' if descending else 'ASC'}" for key, descending in self.by)

    def after(self, position: Sequence[Any]) -> tuple[str, dict[str, Any]]:
        """Return the condition for rows after the one with these keys, and its values."""
        values = {f"key{number}": value for number, value in enumerate(position)}
        conditions, equal = [], ""
        for (key, descending), name in zip(self.by, values, strict=True):
            conditions.append(f"({equal}{key.sql} {'<' if descending else '>'} ${name})")
            equal += f"{key.sql} = ${name} AND "
        return f"({' OR '.join(conditions)})", values


@dataclass(frozen=True)
class Page:
    """A page of at most ``limit`` rows: by number, the first page being 1, or after a row.

    :ivar after: the keys of that row.
    """

    number: int
    limit: int
    after: tuple[Any, ...] | None = None

    @property
    def offset(self) -> int:
        """The number of rows to skip."""
        return 0 if self.after is not None else (self.number - 1) * self.limit

    def refuse_if_deep(self, total: int) -> None:
        """Refuse a page number beyond :data:`NUMBERED_ROWS`, which need a cursor.

        :raises RequestError: the page has rows that need a cursor.
        """
        if self.after is None and self.number * self.limit > NUMBERED_ROWS and self.limit <= self.offset < total:
            raise RequestError(
                f"Page numbers reach only the first {NUMBERED_ROWS:,} rows; use the cursor in `next` of the previous page."
            )

    def pagination(self, total: int, last: Sequence[Any] | None) -> dict[str, Any]:
        """Return the ``pagination`` of a response.

        :param last: the keys of the page's last row; None if it is the last row of the list.
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
    """Return the order that ``sort`` and ``order`` select, descending by default.

    :param keys: value of ``sort`` -> its sort keys.
    :param last: SQL for a unique last key.
    :param ties_ascend: whether the last key is always ascending.
    :raises RequestError: ``sort`` or ``order`` is unknown.
    """
    sort, direction = arguments.get("sort") or default, arguments.get("order") or "desc"
    if sort not in keys or direction not in ("asc", "desc"):
        raise RequestError(f"sort must be one of {', '.join(keys)}, and order asc or desc.")
    descending = direction == "desc"
    return Order((*((key, descending) for key in keys[sort]), (Key(last), descending and not ties_ascend)))


def page(arguments: Mapping[str, str], order: Order, default_limit: int = 50) -> Page:
    """Return the page that ``page`` and ``limit``, or ``cursor`` and ``limit``, select.

    :raises RequestError: a parameter is out of range.
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
    invalid = RequestError("This cursor is not valid for this list.")
    if len(cursor) > 8_192:
        raise invalid
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        keys = tuple(date.fromisoformat(key["day"]) if isinstance(key, dict) else key for key in values)
    except (binascii.Error, ValueError, KeyError, TypeError):
        raise invalid from None
    if len(keys) != count or any(not isinstance(key, str | int | float | date) for key in keys):
        raise invalid
    return keys
