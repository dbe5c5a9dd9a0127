"""The days that cells name, as SQL: every shape that scanners write is known; only the order of day and month has to be told. Pure.

A date is taken as it is written: the scanner's own day, whatever its time zone.
"""

from __future__ import annotations

import re

#: Tried first, and cheap: what most programs write.
_USUAL = ("%Y-%m-%dT%H:%M:%S.%gZ", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d")

_YEAR = r"((?:19|20)[0-9]{2})"
_TWO = r"([0-9]{1,2})"
_MONTH = r"(?i:(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?)"
_WEEKDAY = r"(?i:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,? +)?"
_CLOCK = r"[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?(?: ?(?i:[ap]\.?m\.?))?"
_ZONE = r"(?: ?(?:Z|\(?[A-Z]{2,5}\)?)?(?:[+-][0-9]{2}:?[0-9]{2})?(?: [A-Z]{2,5})?)"
_TIME = rf"(?:(?:T|,? +|, ?| at ){_CLOCK}{_ZONE})?"

#: A date in numbers that leaves open which comes first, and its two numbers.
NUMERIC = rf"^{_TWO}[/-]{_TWO}[/-](?:{_YEAR}|[0-9]{{2}}){_TIME}$"

#: Pattern, what it is rewritten to, and how that is read.
_SHAPES = (
    (rf"^{_YEAR}[-/.]{_TWO}[-/.]{_TWO}{_TIME}$", r"\1-\2-\3", "%Y-%m-%d"),
    (rf"^{_WEEKDAY}{_MONTH} +{_TWO},? +{_YEAR}{_TIME}$", r"\3-\1-\2", "%Y-%b-%d"),
    (rf"^{_WEEKDAY}{_TWO}[ -]{_MONTH}[ ,-]+{_YEAR}{_TIME}$", r"\3-\2-\1", "%Y-%b-%d"),
    (rf"^{_WEEKDAY}{_MONTH} +{_TWO} +{_CLOCK}{_ZONE} +{_YEAR}$", r"\3-\1-\2", "%Y-%b-%d"),
    # With dots the day comes first wherever people write so.
    (rf"^{_TWO}\.{_TWO}\.{_YEAR}{_TIME}$", r"\3-\2-\1", "%Y-%m-%d"),
)


#: How a text begins that most programs write.
_USUAL_BEGINS = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")


def may_be_usual(text: str) -> bool:
    """Whether a text may be a date as most programs write it."""
    return _USUAL_BEGINS.match(text) is not None


def day(cell: str, *, day_first: bool, usual: bool = False) -> str:
    """An expression: the day that ``cell`` names, or NULL.

    :param day_first: whether ``03/04/2026`` is in April.
    :param usual: know only the shape that most programs write. To compile the patterns of the others takes longer than to read a
        thousand rows.
    """
    known = ", ".join(f"'{shape}'" for shape in _USUAL)
    if usual:
        return f"CAST(try_strptime({cell}, [{known}]) AS DATE)"
    numbers = r"\2-\1" if day_first else r"\1-\2"
    shapes = (
        *_SHAPES,
        (rf"^{_TWO}[/-]{_TWO}[/-]{_YEAR}{_TIME}$", rf"\3-{numbers}", "%Y-%m-%d"),
        (rf"^{_TWO}[/-]{_TWO}[/-]([0-9]{{2}}){_TIME}$", rf"\3-{numbers}", "%y-%m-%d"),
    )
    rest = ", ".join(
        f"try_strptime(regexp_replace({cell}, '{pattern}', '{rewritten}'), '{shape}')"
        for pattern, rewritten, shape in shapes
    )
    # Seconds or milliseconds since the epoch; those of this century have ten or thirteen digits.
    seconds = f"make_timestamp(CAST(left({cell}, 10) AS BIGINT) * 1000000)"
    epoch = f"CASE WHEN regexp_full_match({cell}, '1[0-9]{{9}}(?:[0-9]{{3}})?') THEN {seconds} END"
    return f"CAST(coalesce(try_strptime({cell}, [{known}]), {rest}, {epoch}) AS DATE)"
