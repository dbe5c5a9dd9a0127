"""Describe how a file was understood, so that the user can check it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import formats
from .dialect import Dialect
from .formats.format import Recognised, normalised
from .scan_date import ScanDates

if TYPE_CHECKING:
    from .csv_database import CsvDatabase

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
