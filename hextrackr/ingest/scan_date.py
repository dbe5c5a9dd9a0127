"""Choose the date of a scan. Pure.

The date that the user gives has priority; then the start of the scan in the report, the newest day in the data, the day on which the report
was made, and a date in the file's name. Without any of them it is today, with a warning.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, NamedTuple, Protocol

from hextrackr.domain.models import DateOrigin

from . import dates

_ISO_CELL = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?!\d)")
#: Days that may lie between the clock of one host and those of all others, and between the start of a scan and its last finding.
SCAN_DAYS = 7
#: Number of hosts from which on a single one can be seen to have a wrong clock.
_HOSTS = 3

_UNDATED = (
    "The file says nowhere when the scan was made, so today's date was taken; "
    "if that is wrong, import it again with the right scan date."
)


class Chosen(NamedTuple):
    """The date of a scan; ``of`` says what it was taken from."""

    day: date
    of: str

    def warnings(self) -> list[str]:
        """Warnings for the user about the date."""
        return [_UNDATED] if self.of == DateOrigin.TODAY else []


class _Dated(Protocol):
    scan_date: date | None
    scan_date_from: str | None


@dataclass(frozen=True)
class ScanDates:
    """The dates in a file that may date the scan.

    :ivar launched: when the scan was launched, from the lines above the header.
    :ivar started: the newest day on which the scan began, from its own information among the findings.
    :ivar newest: the newest day on which a finding was seen or fixed.
    :ivar made: when the report was made, which may be long after the scan.
    :ivar day_first: whether the day comes first in the file's numeric dates.
    """

    launched: date | None = None
    started: date | None = None
    newest: date | None = None
    made: date | None = None
    day_first: bool = False

    def as_json(self) -> dict[str, str | None]:
        """The days as JSON types, see :meth:`from_json`."""
        return {name: day and day.isoformat() for name, day in vars(self).items() if name != "day_first"}

    @classmethod
    def from_json(cls, days: Mapping[str, Any], *, day_first: bool) -> ScanDates:
        """Restore the result of :meth:`as_json`."""
        return cls(**{name: day and date.fromisoformat(day) for name, day in days.items()}, day_first=day_first)


def of_form(record: _Dated) -> date | None:
    """The scan date that the user gave for an import; its row may have another one that an earlier attempt found in the file."""
    return record.scan_date if record.scan_date_from in (None, DateOrigin.FORM) else None


def choose(form: date | None, found: ScanDates, filename: str, today: date) -> Chosen:
    """Choose the scan's date; none after today, unless the user gave it.

    :param form: the date that the user gave.
    :param found: the dates in the file.
    """
    if form is not None:
        return Chosen(form, DateOrigin.FORM)
    started = found.started
    if started and found.newest and found.newest - started > timedelta(days=SCAN_DAYS):
        started = None  # the file lists the findings of many scans, and this is the start of an old one
    named = in_filename(filename, today, day_first=found.day_first)
    candidates = (
        (found.launched, DateOrigin.REPORT),
        (started, DateOrigin.REPORT),
        (found.newest, DateOrigin.DATA),
        (found.made, DateOrigin.REPORT),
        (named, DateOrigin.FILENAME),
    )
    for day, of in candidates:
        if day is not None and dates.FIRST <= day <= today:
            return Chosen(day, of)
    return Chosen(today, DateOrigin.TODAY)


def newest(hosts: int, day: date | None, on_day: int, before: date | None) -> date | None:
    """The newest day in the data, without a single host whose clock is wrong.

    :param hosts: the number of hosts with a day.
    :param day: the newest day, which ``on_day`` hosts have as their newest one.
    :param before: the newest day of all other hosts.
    """
    if hosts >= _HOSTS and on_day == 1 and day and before and day - before > timedelta(days=SCAN_DAYS):
        return before
    return day


def in_rows(rows: Sequence[Sequence[str]], places: Sequence[int], today: date) -> date | None:
    """The newest ISO date in these columns of the first rows: probably the newest one of the file."""
    cells = (row[place] for row in rows for place in places if place < len(row))
    found = (_real(*map(int, match.groups())) for match in map(_ISO_CELL.match, cells) if match)
    return max((day for day in found if day is not None and day <= today), default=None)


_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_DAY = r"(?P<day>\d\d?)(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>(?:19|20)\d\d)"
_APART, _MAYBE = r"[-_. ,]{1,2}", r"[-_. ,]{0,2}"
#: The time of day may follow a date without separators.
_END = r"(?!\d)"
_WITH_YEAR = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?<!\d){_YEAR}(?P<a>\d\d)(?P<b>\d\d)(?:\d{{4}}|\d{{6}})?{_END}",
        rf"(?<!\d){_YEAR}[-_. ](?P<a>\d\d?)[-_. ](?P<b>\d\d?){_END}",
        rf"(?<!\d)(?P<first>\d\d?)(?P<between>[-_. ])(?P<second>\d\d?)[-_. ]{_YEAR}{_END}",
        rf"(?<!\d)(?P<first>\d\d)(?P<between>)(?P<second>\d\d){_YEAR}{_END}",
        rf"(?<!\d){_YEAR}{_MAYBE}{_MONTH}{_MAYBE}{_DAY}(?![\da-z])",
        rf"(?<!\d){_DAY}{_MAYBE}{_MONTH}{_MAYBE}{_YEAR}{_END}",
        rf"(?<![a-z]){_MONTH}{_MAYBE}{_DAY}{_APART}{_YEAR}{_END}",
        rf"(?<![a-z\d]){_DAY}{_MAYBE}{_MONTH}{_MAYBE}(?P<short>\d\d){_END}",
    )
)
_WITHOUT_YEAR = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?<![a-z]){_MONTH}{_MAYBE}{_DAY}(?![\da-z])",
        rf"(?<![a-z\d]){_DAY}{_MAYBE}{_MONTH}(?![a-z])",
    )
)


def in_filename(filename: str, today: date, *, day_first: bool = False) -> date | None:
    """The date in a file name such as ``scan-2026-08-20.csv``, ``20-08-2026.csv``, ``20aug2026`` or ``aug20.csv``; none after today.

    A date without a year is the last such day before tomorrow. Of several dates the first counts, one with a year before one without.

    :param day_first: whether the day comes first in ``03-04-2026``; a number above 12 decides by itself.
    """
    text = filename.casefold()
    for patterns in (_WITH_YEAR, _WITHOUT_YEAR):
        matches = (match for pattern in patterns for match in pattern.finditer(text))
        for match in sorted(matches, key=lambda match: match.start()):
            for found in _days(match.groupdict(), today, day_first):
                if found is not None and dates.FIRST <= found <= today:
                    return found
    return None


def _days(parts: dict[str, str | None], today: date, day_first: bool) -> Iterator[date | None]:
    """The days that the parts of a date in a file name may mean, the most likely one first."""
    year, short = int(parts.get("year") or 0), parts.get("short")
    if "a" in parts:
        yield _real(year, int(parts["a"] or 0), int(parts["b"] or 0))
    elif "first" in parts:
        first, second = int(parts["first"] or 0), int(parts["second"] or 0)
        # In dates with dots the day always comes first.
        orders = [(first, second), (second, first)]
        for month, day in reversed(orders) if day_first or parts["between"] == "." else orders:
            yield _real(year, month, day)
    else:
        month, day = _MONTHS.index((parts["month"] or "")[:3]) + 1, int(parts["day"] or 0)
        for candidate in [year] if year else [2000 + int(short)] if short else [today.year, today.year - 1]:
            yield _real(candidate, month, day)


def _real(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
