"""What the first part of a file tells: how it is written and of which scanner it is, before the whole of it is read, or even sent.

An import begins with :func:`detected` and :func:`chosen`; :func:`read` and :func:`recognise` tell what it would find, of a file that was
not sent yet.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Engine, select

from hextrackr.domain.models import Source

from . import dates, dialect, estimate, formats, known_source, preamble, recognition, scan_date
from .dialect import Dialect
from .formats.format import Format, Recognised
from .scan_date import ScanDates

#: Rows of the first part that are read: it has no more, if each has a byte.
_ALL = dialect.SAMPLE_BYTES
#: So many labels of sources are named.
_MAX_LABELS = 100


def detected(sample: bytes, size: int, saved: Sequence[Format]) -> tuple[Dialect, list[Recognised]]:
    """How a file is written, and the formats that it may be in, the best one first.

    :param sample: its first :data:`.dialect.SAMPLE_BYTES`, or all of it.
    :param size: the bytes of the whole file.
    :param saved: the formats that users have made.
    :raises FileRefused: it is nothing that can be read.
    :raises UnknownFormat: it is no scanner's.
    :raises MissingColumns: it lacks what the import cannot do without.
    """
    found = dialect.detect(sample, complete=len(sample) == size, is_header=formats.is_header)
    return found, formats.candidates(found.header, saved)


def chosen(engine: Engine, label: str, candidates: Sequence[Recognised], rows: Sequence[Sequence[str]]) -> Recognised:
    """Choose between the formats that a file may be in; ``label`` is that of its source, ``rows`` are its first ones."""
    return candidates[0] if len(candidates) == 1 else known_source.choose(engine, label, candidates, rows)


@dataclass(frozen=True)
class FirstPart:
    """The first part of a file, as far as it can be understood without the record.

    :ivar candidates: the formats that it may be in, the best one first, and ``descriptions`` of it if it is in them.
    :ivar rows: the rows after the header; the last one may be cut off.
    """

    candidates: list[Recognised]
    descriptions: list[dict[str, Any]]
    rows: list[list[str]]


def read(sample: bytes, size: int, saved: Sequence[Format], filename: str) -> FirstPart:
    """Read the first part of a file. Needs no database, so that it can run beside the event loop.

    :param filename: it may have the date of the scan; the others are those of :func:`detected`, as are the errors.
    """
    found, candidates = detected(sample, size, saved)
    rows = dialect.rows(sample, found, limit=_ALL)
    is_whole = len(sample) == size
    common = {
        "encoding": found.encoding,
        "delimiter": found.delimiter,
        "headerLine": found.header_line,
        "columns": len(found.header),
        "rows": _count(rows, len(found.header)) if is_whole else estimate.rows(size, rows),
        "rowsExact": is_whole,
    }
    above = dialect.preamble(sample, found)
    descriptions = [common | _of_format(candidate, found, rows, above, filename) for candidate in candidates]
    return FirstPart(candidates, descriptions, rows)


def recognise(engine: Engine, part: FirstPart, label: str) -> dict[str, Any]:
    """What an import would recognise, as JSON types.

    :param label: the label of the source that the file is to go to, which may decide between two formats.
    :return: ``scanner``, ``scannerName``, ``confidence``, ``alternatives``, ``encoding``, ``delimiter``, ``headerLine``, ``columns``,
        ``unusedColumns``, ``rows`` (about how many; exactly if ``rowsExact``), ``scanDate`` and ``scanDateFrom`` (as far as the first part
        has days), and ``sources``: the labels of the sources of this scanner on record.
    """
    recognised = chosen(engine, label, part.candidates, part.rows)
    [description] = [
        description
        for candidate, description in zip(part.candidates, part.descriptions, strict=True)
        if candidate is recognised
    ]
    with engine.connect() as connection:
        labels = select(Source.label).where(Source.scanner == recognised.format.key).order_by(Source.label)
        return description | {"sources": list(connection.scalars(labels.limit(_MAX_LABELS)))}


def _count(rows: Sequence[Sequence[str]], width: int) -> int:
    """How many rows a whole file has, without the short lines that end it, as a footer does."""
    whole = [row for row in rows if row]
    while whole and len(whole[-1]) <= width // 2:
        whole.pop()
    return len(whole)


def _of_format(
    recognised: Recognised, found: Dialect, rows: Sequence[Sequence[str]], above: Sequence[Sequence[str]], filename: str
) -> dict[str, Any]:
    """Describe a file as one in this format; ``above`` are the lines above its header."""
    others = recognition.alternatives(found, recognised)
    day, of = _day(recognised, rows, above, filename, date.today())
    return {
        "scanner": recognised.format.key,
        "scannerName": recognised.format.name,
        "confidence": recognition.confidence(recognised, others),
        "alternatives": others,
        "unusedColumns": recognition.unused_columns(found, recognised),
        "scanDate": day.isoformat(),
        "scanDateFrom": of,
    }


def _day(
    recognised: Recognised, rows: Sequence[Sequence[str]], above: Sequence[Sequence[str]], filename: str, today: date
) -> scan_date.Chosen:
    """The date of the scan, as far as the first part tells it."""
    places = recognised.places["last_seen"]
    cells = {row[place].strip() for row in rows for place in places if place < len(row)}
    day_first = _day_first(cells, recognised.format.day_first)
    seen = (dates.of_text(cell, day_first=day_first) for cell in cells)
    newest = max((day for day in seen if day is not None and dates.FIRST <= day <= today), default=None)
    report = preamble.read(above, today, day_first=day_first)
    found = ScanDates(report.launched, None, newest, report.made, day_first)
    return scan_date.choose(None, found, filename, today)


def _day_first(cells: set[str], default: bool) -> bool:
    """Whether the day comes first in dates in numbers: a number above 12 is no month."""
    numbers = [(int(match[1]), int(match[2])) for cell in cells if (match := re.match(dates.NUMERIC, cell))]
    days_first = sum(first > 12 >= second for first, second in numbers)
    months_first = sum(second > 12 >= first for first, second in numbers)
    return default if days_first == months_first else days_first > months_first
