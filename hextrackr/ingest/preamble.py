"""Find the dates of the scan and the report in the lines above the header. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from . import dates
from .scan_date import SCAN_DAYS

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


def read(rows: Sequence[Sequence[str]], today: date, *, day_first: bool) -> Preamble:
    """Read the lines above a header: labels followed by a day, or with a day below them, or a title with the day of the report.

    A report of several scans gets the date of the last one.

    :param rows: the cells of each line.
    :param day_first: whether the day comes first in ambiguous dates.
    """
    launched: list[date] = []
    ended: list[date] = []
    made: list[date] = []
    for labels, day in _days(rows, today, day_first):
        label = next((label for label in labels if any(kind.search(label) for kind in _KINDS)), "")
        if _OTHER.search(label):
            continue
        (launched if _LAUNCHED.search(label) else ended if _ENDED.search(label) else made).append(day)
    begin, end = max(launched, default=None), max(ended, default=None)
    if begin is None or (end is not None and end - begin > timedelta(days=SCAN_DAYS)):
        begin = end  # no scan takes so long: these are the limits of the period of the report
    return Preamble(begin, max(made, default=None))


def _days(rows: Sequence[Sequence[str]], today: date, day_first: bool) -> Iterator[tuple[list[str], date]]:
    """Yield each day in these rows, with the texts that may be its label, the most likely one first."""
    days = [[_day(cell, today, day_first) for cell in row] for row in rows]
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
        found = _day(text[match.end() :], today, day_first)
        if found is not None:
            return _label(text[: match.start()]), found
    return "", None


def _label(text: str) -> str:
    return " ".join(re.sub(r"[^a-z]+", " ", text.casefold()).split())


def _day(text: str, today: date, day_first: bool) -> date | None:
    text = " ".join(text.split())
    for order in (day_first, not day_first):
        found = dates.of_text(text, day_first=order)
        if found is not None and dates.FIRST <= found <= today:
            return found
    return None
