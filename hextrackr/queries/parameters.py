"""Parse and validate the parameters of a query string: texts, lists, numbers and days."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from hextrackr.errors import RequestError

#: The highest id that a table can have.
MAX_NUMBER = 2**31 - 1
#: The maximum length of a number with leading zeros; Python refuses to parse thousands of digits.
MAX_DIGITS = 20
#: The maximum length of a text, and number of values in a list.
MAX_TEXT, MAX_LISTED = 200, 500


def text(arguments: Mapping[str, str], name: str) -> str:
    """Return a text; empty if it is missing.

    :raises RequestError: it is too long.
    """
    value = arguments.get(name, "").strip()
    if len(value) > MAX_TEXT:
        raise RequestError(f"{name} may have at most {MAX_TEXT} characters.")
    return value


def chosen(arguments: Mapping[str, str], name: str, allowed: Mapping[str, Any]) -> list[Any]:
    """Return the values of the words in a comma-separated list.

    :param allowed: word -> value.
    :raises RequestError: a word is not allowed.
    """
    words = [word.lower() for word in _listed(arguments, name)]
    if any(word not in allowed for word in words):
        raise RequestError(f"{name} must be one or more of {', '.join(allowed)}.")
    return [allowed[word] for word in words]


def numbers(arguments: Mapping[str, str], name: str) -> list[int]:
    """Return the positive numbers of a comma-separated list.

    :raises RequestError: an element is not a positive number.
    """
    return [number(name, word, 1, MAX_NUMBER) for word in _listed(arguments, name)]


def _listed(arguments: Mapping[str, str], name: str) -> list[str]:
    text = arguments.get(name, "")
    if text.count(",") >= MAX_LISTED:
        raise RequestError(f"{name} may list at most {MAX_LISTED} values.")
    return [word.strip() for word in text.split(",") if word.strip()]


def number(name: str, text: str, minimum: int, maximum: int) -> int:
    """Parse a whole number.

    :raises RequestError: it is not a number from ``minimum`` to ``maximum``.
    """
    if len(text) > MAX_DIGITS or not text.isascii() or not text.isdigit() or not minimum <= int(text) <= maximum:
        raise RequestError(f"{name} must be a whole number from {minimum} to {maximum}.")
    return int(text)


def score(name: str, text: str, maximum: float) -> float:
    """Parse a score.

    :raises RequestError: it is not a number from 0 to ``maximum``.
    """
    try:
        value = float(text[:MAX_TEXT])
    except ValueError:
        value = -1.0
    if not 0 <= value <= maximum:
        raise RequestError(f"{name} must be a number from 0 to {maximum:g}.")
    return value


def as_day(name: str, text: str) -> date:
    """Parse a day in ISO format.

    :raises RequestError: it is not a day.
    """
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise RequestError(f"{name} must be a date such as 2026-08-01.") from None


def day(arguments: Mapping[str, str], name: str) -> date | None:
    """Return a day, or None if it is missing.

    :raises RequestError: it is not a day.
    """
    value = text(arguments, name)
    return as_day(name, value) if value else None


def period(arguments: Mapping[str, str]) -> dict[str, Any]:
    """Return the limits of a table over time: the ``sources``, empty for all, and the ``first`` and ``last`` day, None for no limit.

    :raises RequestError: ``source``, ``from`` or ``to`` is invalid.
    """
    return {"sources": numbers(arguments, "source"), "first": day(arguments, "from"), "last": day(arguments, "to")}
