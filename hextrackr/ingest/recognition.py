"""Recognise a file by its first part: how it is written and of which scanner it is, before the whole of it is read, or even sent.

An import begins with :func:`detected` and :func:`chosen`; :func:`read_first_part` and :func:`recognise` tell what it would find, of a file
that was not sent yet. :func:`describe` tells users how a file was understood, so that they can check it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, select

from hextrackr.domain.models import AssetIdentifier, Source, SourceAlias

from . import cell_sql, dialect, estimate, formats, scan_date
from .dialect import Dialect
from .formats.format import HOST_FIELDS, NO_NAME, Format, Recognised, normalised
from .scan_date import ScanDates

if TYPE_CHECKING:
    from .csv_database import CsvDatabase

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
    return candidates[0] if len(candidates) == 1 else choose_by_hosts(engine, label, candidates, rows)


@dataclass(frozen=True)
class FirstPart:
    """The first part of a file, as far as it can be understood without the record.

    :ivar candidates: the formats that it may be in, the best one first, and ``descriptions`` of it if it is in them.
    :ivar rows: the rows after the header; the last one may be cut off.
    """

    candidates: list[Recognised]
    descriptions: list[dict[str, Any]]
    rows: list[list[str]]


def read_first_part(sample: bytes, size: int, saved: Sequence[Format], filename: str) -> FirstPart:
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
    others = alternatives(found, recognised)
    day, of = _day(recognised, rows, above, filename, date.today())
    return {
        "scanner": recognised.format.key,
        "scannerName": recognised.format.name,
        "confidence": confidence(recognised, others),
        "alternatives": others,
        "unusedColumns": unused_columns(found, recognised),
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
    seen = (cell_sql.day_of_text(cell, day_first=day_first) for cell in cells)
    newest = max((day for day in seen if day is not None and cell_sql.FIRST_DAY <= day <= today), default=None)
    report = scan_date.read_preamble(above, today, day_first=day_first)
    found = ScanDates(report.launched, None, newest, report.made, day_first)
    return scan_date.choose(None, found, filename, today)


def _day_first(cells: set[str], default: bool) -> bool:
    """Whether the day comes first in dates in numbers: a number above 12 is no month."""
    numbers = [(int(match[1]), int(match[2])) for cell in cells if (match := re.match(cell_sql.NUMERIC_DATE, cell))]
    days_first = sum(first > 12 >= second for first, second in numbers)
    months_first = sum(second > 12 >= first for first, second in numbers)
    return default if days_first == months_first else days_first > months_first


def choose_by_hosts(
    engine: Engine, label: str, candidates: Sequence[Recognised], rows: Sequence[Sequence[str]]
) -> Recognised:
    """Choose the format of a file, so that it goes to the existing source of its scanner.

    :param label: the label of its source.
    :param candidates: the formats that fit its header, the best one first: this one is chosen if it has a source with that label, or if no
        other one has such a source with a host of these rows.
    :param rows: the first rows.
    """
    best = candidates[0]
    by_key = {found.format.key: found for found in candidates}
    with engine.connect() as connection:
        sources = select(Source.scanner, Source.id).where(Source.label == label, Source.scanner.in_(by_key))
        aliases = select(SourceAlias.scanner, SourceAlias.source_id).where(
            SourceAlias.label == label, SourceAlias.scanner.in_(by_key)
        )
        known = {scanner: number for scanner, number in connection.execute(aliases.union(sources))}
        if best.format.key in known:
            return best
        for key, found in by_key.items():
            hosts = _hosts(found, rows)
            if key in known and hosts:
                of_these = AssetIdentifier.source_id == known[key], AssetIdentifier.value.in_(hosts)
                if connection.execute(select(AssetIdentifier.asset_id).where(*of_these).limit(1)).first():
                    return found
    return best


def _hosts(recognised: Recognised, rows: Sequence[Sequence[str]]) -> list[str]:
    """The host names and addresses in these rows, in the form in which they are compared."""
    places = {place for field in HOST_FIELDS if field != "os" for place in recognised.places[field]}
    cells = (row[place].strip().lower().rstrip(".") for row in rows for place in places if place < len(row))
    return sorted({cell for cell in cells if cell and cell not in NO_NAME})


#: How sure it is that a header is a format's: a mapping that a user has saved for just this header; the only format that knows
#: it; one of several that do; the generic one, which takes what nobody else knows.
SAVED, ONLY_ONE, ONE_OF_SEVERAL, LAST_RESORT = 1.0, 0.95, 0.75, 0.5
#: Number of unused columns that are named.
MAX_NAMES = 500


def describe(
    dialect: Dialect,
    recognised: Recognised,
    database: CsvDatabase,
    *,
    rows: int,
    scan_dates: ScanDates,
    in_future: int,
) -> dict[str, Any]:
    """Describe how a file was understood, as JSON types.

    :param database: with the tables ``findings`` and ``assets``.
    :param rows: the number of rows that were read: all of them.
    :param scan_dates: the dates in the file that may date the scan.
    :param in_future: the number of dates that were left out because they lie in the future.
    :return: ``format``, ``confidence`` (0..1), ``alternatives`` (other formats that know the header), ``encoding``, ``delimiter``,
        ``headerLine``, ``columns``, ``usedColumns``, ``unusedColumns``, ``hasStates`` and ``hasPorts`` (there are such columns),
        ``hasProtocols`` (a row names one), ``rowsSampled`` and ``dates``: ``dayFirst``, the first and the last day of ``firstSeen`` and
        ``lastSeen``, null where there is none, ``scan`` (what may date the scan: ``launched``, ``started``, ``newest`` and ``made``) and
        ``inFuture``.
    """
    others = alternatives(dialect, recognised)
    names = [normalised(name) for place, name in enumerate(dialect.header) if place in recognised.used and name.strip()]
    (protocols,) = database.one("SELECT coalesce(bool_or(protocol <> ''), FALSE) FROM observations")
    first_from, first_to, last_from, last_to = database.one("""
        SELECT min(first_seen), max(first_seen), min(last_seen), max(last_seen) FROM findings
    """)
    return {
        "format": recognised.format.name,
        "confidence": confidence(recognised, others),
        "alternatives": others,
        "encoding": dialect.encoding,
        "delimiter": dialect.delimiter,
        "headerLine": dialect.header_line,
        "columns": len(dialect.header),
        "usedColumns": sorted(set(names)),
        "unusedColumns": unused_columns(dialect, recognised),
        "hasStates": bool(recognised.places["state"]),
        "hasPorts": bool(recognised.places["port"]),
        "hasProtocols": protocols,
        "rowsSampled": rows,
        "dates": {
            "dayFirst": scan_dates.day_first,
            "firstSeen": _span(first_from, first_to),
            "lastSeen": _span(last_from, last_to),
            "scan": scan_dates.as_json(),
            "inFuture": in_future,
        },
    }


def alternatives(dialect: Dialect, recognised: Recognised) -> list[str]:
    """The names of the other formats that know a file's header."""
    return [other.name for other in formats.knowing(dialect.header) if other.key != recognised.format.key]


def unused_columns(dialect: Dialect, recognised: Recognised) -> list[str]:
    """The columns that an import leaves out, :data:`MAX_NAMES` at the most."""
    unused = [
        name.strip() or f"column {place + 1}, without a name"
        for place, name in enumerate(dialect.header)
        if place not in recognised.used
    ]
    return unused[:MAX_NAMES]


def confidence(recognised: Recognised, others: list[str]) -> float:
    """How sure it is that a file is in this format, 0 to 1."""
    if recognised.format.header is not None:
        return SAVED
    if recognised.format.last_resort:
        return LAST_RESORT
    return ONE_OF_SEVERAL if others else ONLY_ONE


def _span(first: Any, last: Any) -> list[str] | None:
    return None if first is None else [first.isoformat(), last.isoformat()]
