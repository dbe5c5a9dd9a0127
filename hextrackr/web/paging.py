"""Pages of a list: ``page`` and ``limit`` of a query, and what is answered of them."""

from __future__ import annotations

from dataclasses import dataclass

from flask import request

from hextrackr.queries import parameters


@dataclass(frozen=True)
class Page:
    """One page, from 1, of at most ``limit`` rows."""

    number: int
    limit: int

    @property
    def offset(self) -> int:
        """How many rows stand before it."""
        return (self.number - 1) * self.limit

    def pagination(self, total: int) -> dict[str, int]:
        """The ``pagination`` of an answer; ``pages`` is at least 1."""
        return {"page": self.number, "limit": self.limit, "total": total, "pages": max(1, -(-total // self.limit))}


def requested(default_limit: int, max_limit: int = 500) -> Page:
    """The page that the query asks for.

    :raises RequestError: ``page`` or ``limit`` is no number in its range.
    """
    return Page(_number("page", 1, 10_000_000), _number("limit", default_limit, max_limit))


def _number(name: str, default: int, most: int) -> int:
    text = request.args.get(name, "")
    if not text:
        return default
    return parameters.number(name, text, 1, most)
