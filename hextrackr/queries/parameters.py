"""The parameters of a query string: texts, words of a list, numbers, days. Each refuses in one sentence what it cannot take."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from hextrackr.errors import RequestError

#: The greatest id that a table can have.
MAX_NUMBER = 2**31 - 1
#: Of a number, zeros before it included; Python refuses to read one of thousands.
MAX_DIGITS = 20
#: Characters of a text that is looked for, and values of a list.
MAX_TEXT, MAX_LISTED = 200, 500


def text(arguments: Mapping[str, str], name: str) -> str:
    """A text; empty if it is not there.

    :raises RequestError: it is longer than any that is looked for.
    """
    value = arguments.get(name, "").strip()
    if len(value) > MAX_TEXT:
        raise RequestError(f"{name} may have at most {MAX_TEXT} characters.")
    return value


def chosen(arguments: Mapping[str, str], name: str, allowed: Mapping[str, Any]) -> list[Any]:
    """What the words of a list, separated by commas, stand for.

    :raises RequestError: a word that is not ``allowed``.
    """
    words = [word.lower() for word in _listed(arguments, name)]
    if any(word not in allowed for word in words):
        raise RequestError(f"{name} must be one or several of {', '.join(allowed)}.")
    return [allowed[word] for word in words]


def numbers(arguments: Mapping[str, str], name: str) -> list[int]:
    """The numbers of a list, from 1, separated by commas.

    :raises RequestError: it holds something else.
    """
    return [number(name, word, 1, MAX_NUMBER) for word in _listed(arguments, name)]


def _listed(arguments: Mapping[str, str], name: str) -> list[str]:
    text = arguments.get(name, "")
    if text.count(",") >= MAX_LISTED:
        raise RequestError(f"{name} may list at most {MAX_LISTED} values.")
    return [word.strip() for word in text.split(",") if word.strip()]


def number(name: str, text: str, least: int, most: int) -> int:
    """A whole number.

    :raises RequestError: it is none from ``least`` to ``most``.
    """
    if len(text) > MAX_DIGITS or not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        raise RequestError(f"{name} must be a whole number from {least} to {most}.")
    return int(text)


def score(name: str, text: str, most: float) -> float:
    """A score.

    :raises RequestError: it is no number from 0 to ``most``.
    """
    try:
        value = float(text[:MAX_TEXT])
    except ValueError:
        value = -1.0
    if not 0 <= value <= most:
        raise RequestError(f"{name} must be a number from 0 to {most:g}.")
    return value


def as_day(name: str, text: str) -> date:
    """A day in ISO form.

    :raises RequestError: it is none.
    """
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise RequestError(f"{name} must be a date such as 2026-08-01.") from None


def day(arguments: Mapping[str, str], name: str) -> date | None:
    """A day that may be there.

    :raises RequestError: it is none.
    """
    value = text(arguments, name)
    return as_day(name, value) if value else None


def period(arguments: Mapping[str, str]) -> dict[str, Any]:
    """What limits a table over time: the ``sources``, none for all, and the ``first`` and the ``last`` day, each None for no bound.

    :raises RequestError: ``source``, ``from`` or ``to`` cannot be read.
    """
    return {"sources": numbers(arguments, "source"), "first": day(arguments, "from"), "last": day(arguments, "to")}
