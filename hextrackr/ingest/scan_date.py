"""Choose the date of a scan. Pure.

The date that the user gives has priority; then the start of the scan in the report, the newest day in the data, the day on which the report
was made, and a date in the file's name. Without any of them it is today, with a warning. Start and report are found in the lines above the
header, the *preamble*.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, NamedTuple, Protocol

from hextrackr.domain.models import DateOrigin

from . import cell_sql

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
        if day is not None and cell_sql.FIRST_DAY <= day <= today:
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
                if found is not None and cell_sql.FIRST_DAY <= found <= today:
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


#: Labels of the day of the scan: of its start, and of its end.
_LAUNCHED = re.compile(
    r"\blaunch(ed)?\b|\bstart(ed)?\b|\bbegan\b|^scan(ned)?$|\bscan(ned)? (date|time|day|on|at|run)\b|\b(date|time) of (the )?scan\b"
)
_ENDED = re.compile(r"\b(end(ed)?|finish(ed)?|complet(ed|ion))\b")
#: Labels of other days, such as the end of a licence, or a filter.
_OTHER = re.compile(
    r"\bexpir|\blicen[cs]|\bvalid|\b(since|until|from|to|between|after|before|next|due|version)\b|\bfilter|\b(range|period|window)\b"
    r"|\bupdate|\bplugin|\b(feed|signature|policy|detected|found|seen)\b"
)
#: Labels of the day of the report itself.
_MADE = re.compile(r"\b(date|time|report|results|created|generated|exported|downloaded|printed|produced|as of)\b")
_KINDS = (_LAUNCHED, _ENDED, _OTHER, _MADE)


class Preamble(NamedTuple):
    """The days on which the scan was ``launched`` and the report was ``made``, if the lines have them."""

    launched: date | None = None
    made: date | None = None


def read_preamble(rows: Sequence[Sequence[str]], today: date, *, day_first: bool) -> Preamble:
    """Read the lines above a header: labels followed by a day, or with a day below them, or a title with the day of the report.

    A report of several scans gets the date of the last one.

    :param rows: the cells of each line.
    :param day_first: whether the day comes first in ambiguous dates.
    """
    launched: list[date] = []
    ended: list[date] = []
    made: list[date] = []
    for labels, day in _labelled_days(rows, today, day_first):
        label = next((label for label in labels if any(kind.search(label) for kind in _KINDS)), "")
        if _OTHER.search(label):
            continue
        (launched if _LAUNCHED.search(label) else ended if _ENDED.search(label) else made).append(day)
    begin, end = max(launched, default=None), max(ended, default=None)
    if begin is None or (end is not None and end - begin > timedelta(days=SCAN_DAYS)):
        begin = end  # no scan takes so long: these are the limits of the period of the report
    return Preamble(begin, max(made, default=None))


def _labelled_days(rows: Sequence[Sequence[str]], today: date, day_first: bool) -> Iterator[tuple[list[str], date]]:
    """Yield each day in these rows, with the texts that may be its label, the most likely one first."""
    days = [[_day_of_text(cell, today, day_first) for cell in row] for row in rows]
    for line, row in enumerate(rows):
        for place, cell in enumerate(row):
            found = days[line][place]
            if found is not None:
                yield [_label(text) for text in _around(rows, days, line, place)], found
                continue
            label, found = _labelled_day(cell, today, day_first)
            if found is not None:
                yield [label], found
        if len(row) > 1 and not any(days[line]):
            # A comma within a date splits it into two cells; try the line as a whole.
            label, found = _labelled_day(", ".join(row), today, day_first)
            if found is not None:
                yield [label], found


def _around(rows: Sequence[Sequence[str]], days: Sequence[Sequence[date | None]], line: int, place: int) -> list[str]:
    """The texts before a cell in its row, and the one at the top of its column: this one first if it is in a row of headings."""
    before = [rows[line][other] for other in range(place - 1, -1, -1) if not days[line][other]]
    for above in range(line - 1, -1, -1):
        if place >= len(rows[above]) or not rows[above][place].strip():
            break
        if not days[above][place]:
            head = rows[above][place]
            return [head, *before] if len(rows[above]) == len(rows[line]) > 2 else [*before, head]
    return before


def _labelled_day(text: str, today: date, day_first: bool) -> tuple[str, date | None]:
    """The label and the day in a text such as ``Scan Date: 2026-08-20``."""
    for match in re.finditer(r"[\s:=]+", text):
        found = _day_of_text(text[match.end() :], today, day_first)
        if found is not None:
            return _label(text[: match.start()]), found
    return "", None


def _label(text: str) -> str:
    return " ".join(re.sub(r"[^a-z]+", " ", text.casefold()).split())


def _day_of_text(text: str, today: date, day_first: bool) -> date | None:
    text = " ".join(text.split())
    for order in (day_first, not day_first):
        found = cell_sql.day_of_text(text, day_first=order)
        if found is not None and cell_sql.FIRST_DAY <= found <= today:
            return found
    return None
