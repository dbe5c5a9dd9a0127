"""Parse the dates in cells, as SQL, in all formats that scanners write; only the order of day and month is a parameter. Pure.

A date is read as it is written: the scanner's own day, whatever its time zone. A cell has a date only if its whole text has one of the
formats, and a date is believable only from :data:`FIRST` to the day of the import.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime

#: The first believable day.
FIRST = date(1990, 1, 1)

#: The formats that most programs write; they are tried first, as they are fast.
_USUAL = ("%Y-%m-%dT%H:%M:%S.%gZ", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d")

#: What programs write for no date: their first or last possible time, also in a time zone west of Greenwich.
_NO_DAYS = ("0001-01-01", "1600-12-31", "1601-01-01", "1969-12-31", "1970-01-01", "9999-12-31")
_NO_DAY_TEXTS = ("never", "none", "null", "n/a", "na", "unknown", "-", "'-", "--", "0", "-1")

_YEAR = r"([0-9]{4}|[0-9]{2})"
_FULL_YEAR = r"([0-9]{4})"
_TWO = r"([0-9]{1,2})"
_DAY = rf"{_TWO}(?:st|nd|rd|th)?"
_MONTH = r"(?i:(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)(?:uary|ruary|ch|il|e|y|ust|t|tember|ober|ember)?\.?)"
_WEEKDAY = r"(?i:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,? +)?"
#: Browsers write a narrow no-break space before AM and PM.
_BLANK = "[ \u00a0\u202f]"
_CLOCK = rf"(?:[01]?[0-9]|2[0-4]):[0-5][0-9](?::[0-6][0-9](?:[.,][0-9]+)?)?(?:{_BLANK}?(?i:[ap]\.?m\.?))?"
_ZONE = r"(?: ?\(?(?:[Zz]|[A-Z]{2,5})?(?:[+-][0-9]{2}(?::?[0-9]{2})?)?\)?(?: [A-Z]{2,5}| ?\([A-Za-z ]+\)|\[[A-Za-z0-9_/+-]+\])?)"
_TIME = rf"(?:(?:[Tt]|,? +|, ?|,? (?:at|@) ){_CLOCK}{_ZONE})?"

#: A numeric date in which day and month are ambiguous, with groups for the two numbers.
NUMERIC = rf"^{_TWO}[/-]{_TWO}[/-]{_YEAR}{_TIME}$"

#: The prefix of a rewritten date, so that no other text is parsed as one.
_MARK = "\x1f"
#: A pattern, its replacement, and the format of the month in it. A year of two digits is one from 1969 to 2068.
_SHAPES = (
    (rf"^{_FULL_YEAR}[-/.]{_TWO}[-/.]{_TWO}{_TIME}$", r"\1-\2-\3", "%m"),
    (rf"^{_WEEKDAY}{_MONTH}[-/. ]*{_DAY},?[-/. ]+{_YEAR}{_TIME}$", r"\3-\1-\2", "%b"),
    (rf"^{_WEEKDAY}{_DAY}[-/. ]*{_MONTH}[-/., ]*{_YEAR}{_TIME}$", r"\3-\2-\1", "%b"),
    (rf"^{_WEEKDAY}{_MONTH} +{_TWO} +{_CLOCK}{_ZONE} +{_FULL_YEAR}$", r"\3-\1-\2", "%b"),
    (rf"^{_FULL_YEAR}[-/. ]{_MONTH}[-/. ]{_TWO}{_TIME}$", r"\1-\2-\3", "%b"),
    # In dates with dots the day always comes first.
    (rf"^{_TWO}\.{_TWO}\.{_YEAR}{_TIME}$", r"\3-\2-\1", "%m"),
    (rf"^{_FULL_YEAR}([0-9]{{2}})([0-9]{{2}})(?:[T ]?[0-9]{{4}}(?:[0-9]{{2}})?{_ZONE})?$", r"\1-\2-\3", "%m"),
)
#: Seconds or milliseconds since the epoch; those of this century have ten or thirteen digits.
_EPOCH = r"1[0-9]{9}(?:[0-9]{3})?(?:\.[0-9]+)?"


#: The beginning of a date in one of the usual formats.
_USUAL_BEGINS = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")


def may_be_usual(text: str) -> bool:
    """Whether a text may be a date in one of the usual formats."""
    return _USUAL_BEGINS.match(text) is not None


def day(cell: str, *, day_first: bool, usual: bool = False) -> str:
    """An expression: the day in ``cell``, believable or not, or NULL.

    :param day_first: whether ``03/04/2026`` is in April.
    :param usual: parse only the usual formats. Compiling the patterns of the others takes longer than reading a thousand rows.
    """
    # "%Y" would parse the first number of 13-02-26 as a year.
    as_usual = f"CASE WHEN {cell}[2] >= '0' AND {cell}[5] = '-' THEN try_strptime({cell}, [{_listed(_USUAL)}]) END"
    if usual:
        return f"CAST({as_usual} AS DATE)"
    rest = ", ".join(
        f"try_strptime(regexp_replace({cell}, '{pattern}', '{_MARK}{rewritten}'), [{_listed(_formats(month))}])"
        for pattern, rewritten, month in _shapes(day_first)
    )
    seconds = f"make_timestamp(CAST(left({cell}, 10) AS BIGINT) * 1000000)"
    epoch = f"CASE WHEN regexp_full_match({cell}, '{_EPOCH}') THEN {seconds} END"
    return f"CAST(coalesce({as_usual}, {rest}, {epoch}) AS DATE)"


def of_text(text: str, *, day_first: bool) -> date | None:
    """Parse a text in the same way as :func:`day` parses a cell."""
    for pattern, rewritten, month in _shapes(day_first):
        match = re.match(pattern, text)
        if match is None:
            continue
        for shape in _formats(month):
            try:
                return datetime.strptime(match.expand(_MARK + rewritten), shape).date()
            except ValueError:
                pass
    return None


def believable(day: str, today: date) -> str:
    """An expression: a day if it is believable, else NULL."""
    return f"CASE WHEN {day} BETWEEN DATE '{FIRST}' AND DATE '{today}' THEN {day} END"


def means_none(text: str, day: str) -> str:
    """A condition: the text is what programs write for no date.

    :param day: the expression of the day in it, see :func:`day`.
    """
    none = f"CAST({day} AS VARCHAR) IN ({_listed(_NO_DAYS)}) OR lower({text}) IN ({_listed(_NO_DAY_TEXTS)})"
    return f"({none} OR starts_with({text}, '0000')) IS TRUE"


def left_out(text: str, day: str, today: date) -> tuple[str, str]:
    """Two conditions: the text should be a date but is no believable one; and its day is in the future."""
    doubtful = f"{text} IS NOT NULL AND ({day} BETWEEN DATE '{FIRST}' AND DATE '{today}') IS NOT TRUE"
    named = f"{doubtful} AND NOT ({means_none(text, day)})"
    to_come = f"({day} > DATE '{today}') IS TRUE"
    return f"{named} AND NOT {to_come}", f"{named} AND {to_come}"


def _shapes(day_first: bool) -> tuple[tuple[str, str, str], ...]:
    numbers = r"\2-\1" if day_first else r"\1-\2"
    return (*_SHAPES, (NUMERIC, rf"\3-{numbers}", "%m"))


def _formats(month: str) -> tuple[str, str]:
    """The formats of a rewritten date. The year of two digits is first, as it would also match the first two of four digits."""
    return f"{_MARK}%y-{month}-%d", f"{_MARK}%Y-{month}-%d"


def _listed(texts: Iterable[str]) -> str:
    return ", ".join("'" + text.replace("'", "''") + "'" for text in texts)
