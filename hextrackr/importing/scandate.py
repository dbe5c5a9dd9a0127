"""The date of a scan: what the user says, else what the file's data says, else its name, else today. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date

_MONTHS = "january february march april may june july august september october november december".split()
_ISO = re.compile(r"(?<!\d)(20\d\d)[-_.]?(\d\d)[-_.]?(\d\d)(?!\d)")
_US = re.compile(r"(?<!\d)(\d\d)[-_.](\d\d)[-_.](20\d\d)(?!\d)")
_MONTH_DAY = re.compile(rf"(?<![a-z])({'|'.join(f'{m[:3]}(?:{m[3:]})?' for m in _MONTHS)})[-_. ]?(\d\d?)(?!\d)")


def of_scan(said: date | None, newest: date | None, filename: str, today: date) -> date:
    """Choose the scan's date.

    :param said: what the form said; taken as it is.
    :param newest: the newest date in the file's data; one after today is not taken.
    """
    if said is not None:
        return said
    if newest is not None and newest <= today:
        return newest
    return in_filename(filename, today) or today


def in_rows(rows: Sequence[Sequence[str]], places: Sequence[int]) -> date | None:
    """The newest date that these columns name in the order year, month, day: what :func:`of_scan` will probably be told."""
    cells = (row[place] for row in rows for place in places if place < len(row))
    found = (_real(*map(int, match.groups())) for match in map(_ISO.match, cells) if match)
    return max((day for day in found if day is not None), default=None)


def in_filename(filename: str, today: date) -> date | None:
    """The date in a file name such as ``scan-2026-08-20.csv``, ``08-20-2026.csv`` or ``aug28.csv``; none after today."""
    text = filename.casefold()
    candidates = [(int(y), int(m), int(d)) for y, m, d in _ISO.findall(text)]
    candidates += [(int(y), int(m), int(d)) for m, d, y in _US.findall(text)]
    for word, day in _MONTH_DAY.findall(text):
        month = next(number for number, name in enumerate(_MONTHS, start=1) if name.startswith(word))
        candidates += [(today.year, month, int(day)), (today.year - 1, month, int(day))]
    for candidate in candidates:
        found = _real(*candidate)
        if found is not None and found <= today:
            return found
    return None


def _real(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
