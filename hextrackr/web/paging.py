"""Pagination of lists that the web process reads itself: the parameters ``page`` and ``limit``, and the ``pagination`` of the response."""

from __future__ import annotations

from dataclasses import dataclass

from flask import request

from hextrackr.queries import parameters


@dataclass(frozen=True)
class Page:
    """One page of at most ``limit`` rows; the first page is 1."""

    number: int
    limit: int

    @property
    def offset(self) -> int:
        """The number of rows before the page."""
        return (self.number - 1) * self.limit

    def pagination(self, total: int) -> dict[str, int]:
        """Return the ``pagination`` of a response; ``pages`` is at least 1."""
        return {"page": self.number, "limit": self.limit, "total": total, "pages": max(1, -(-total // self.limit))}


def requested(default_limit: int, max_limit: int = 500) -> Page:
    """Return the page that the query string selects.

    :raises RequestError: ``page`` or ``limit`` is not a number, or out of range.
    """
    return Page(_number("page", 1, 10_000_000), _number("limit", default_limit, max_limit))


def _number(name: str, default: int, maximum: int) -> int:
    text = request.args.get(name, "")
    if not text:
        return default
    return parameters.number(name, text, 1, maximum)
