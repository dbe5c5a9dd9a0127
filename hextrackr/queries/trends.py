"""Open findings now and over time, and how often each source is scanned, from the daily totals that every import stores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Any

from hextrackr.domain.models import WORST_FIRST, Lifecycle
from hextrackr.domain.retirement import RETIRED
from hextrackr.ingest import formats
from hextrackr.readmodel.questions import question

from . import parameters
from .findings import COUNTS, by_severity

if TYPE_CHECKING:
    import duckdb

_NAMES = {severity.value: severity.name.lower() for severity in WORST_FIRST}
_CHANGES = ("opened", "resolved", "reopened")
#: The number of days with scans from which the usual interval of a source is derived, and the minimum number of days before it is quiet.
MIN_SCAN_DAYS, MIN_QUIET_DAYS = 3, 3
#: The number of days for which the result of a scan is taken as current, if the usual interval of the source is unknown.
STANDS_FOR = 35


@dataclass
class _Day:
    """The open findings of a source after the scans of a day, and what these changed, by severity."""

    open: dict[int, int] = field(default_factory=dict)
    vpr: float = 0.0
    changes: dict[str, dict[int, int]] = field(default_factory=lambda: {name: {} for name in _CHANGES})


#: Source -> day -> its figures.
_History = dict[int, dict[date, _Day]]


@question
def totals(cursor: duckdb.DuckDBPyConnection, _query: Mapping[str, Any]) -> dict[str, Any]:
    """Answer the totals of all sources. A machine that is in several sources is one host."""
    states = dict(cursor.execute("SELECT state, count(*) FROM finding GROUP BY state").fetchall())
    open_hosts, vpr_sum, *counts = (
        cursor.execute(f"""
        SELECT count(DISTINCT h.machine_id), coalesce(sum(f.vpr), 0), {COUNTS}
        FROM finding f JOIN host h ON h.id = f.host_id WHERE f.is_open
    """).fetchone()
        or ()
    )
    (hosts,) = cursor.execute("SELECT count(DISTINCT machine_id) FROM host").fetchone() or (0,)
    return {
        "total": sum(states.values()),
        "open": sum(counts),
        "bySeverity": by_severity(counts),
        "byState": {state: states.get(state, 0) for state in (*(state.value for state in Lifecycle), RETIRED)},
        "vprSum": round(vpr_sum, 1),
        "hosts": hosts,
        "openHosts": open_hosts,
        "lastScans": _last_scans(cursor),
    }


@question
def over_time(cursor: duckdb.DuckDBPyConnection, query: Mapping[str, Any]) -> dict[str, Any]:
    """Answer a point for each day with a scan, oldest first.

    The open findings are the sum over the sources of what their last scan left open. After ``standsForDays`` without any scan (the longest
    such period of a source) the number is unknown.

    :param query: ``source``, ``from`` and ``to``, all optional.
    :raises RequestError: a parameter is invalid.
    """
    limits = parameters.period(query)
    first = limits["first"]
    history = _history(cursor, limits["sources"], limits["last"])
    newest: dict[int, _Day] = {}
    points = []
    for day in sorted({day for days in history.values() for day in days}):
        scanned = {source: days[day] for source, days in history.items() if day in days}
        newest |= scanned
        if first is None or day >= first:
            points.append({"day": day, **_left_open(newest.values()), **_changed(scanned.values())})
    return {
        "data": points,
        "standsForDays": max((_stands_for(sorted(days)) for days in history.values()), default=STANDS_FOR),
    }


@question
def sources(cursor: duckdb.DuckDBPyConnection, _query: Mapping[str, Any]) -> dict[str, Any]:
    """Answer all sources with imports: their open findings, how often they are scanned, and whether a scan is missing (quiet)."""
    found = cursor.execute("""
        SELECT s.id, s.scanner, s.scanner_name, s.label, s.last_scan_date,
               (SELECT count(*) FROM finding WHERE source_id = s.id AND is_open),
               (SELECT list(DISTINCT day ORDER BY day) FROM daily_total WHERE source_id = s.id),
               (SELECT max(id) FROM import WHERE source_id = s.id) AS last_import, s.retired_on
        FROM source s WHERE last_import IS NOT NULL ORDER BY s.scanner, s.label
    """).fetchall()
    today = date.today()
    return {"data": [_source(today, *row) for row in found]}


def _source(
    today: date,
    number: int,
    scanner: str,
    scanner_name: str,
    label: str,
    last: date | None,
    is_open: int,
    days: list[date] | None,
    latest: int,
    retired_on: date | None,
) -> dict[str, Any]:
    every = usual_interval(days or [])
    return {
        "sourceId": number,
        "scanner": scanner,
        "scannerName": formats.scanner_name(scanner, scanner_name),
        "source": label,
        "lastScanDate": last,
        "scanDays": len(days or []),
        "usualIntervalDays": every,
        "quiet": retired_on is None and last is not None and is_quiet((today - last).days, rhythm(days or [])),
        "retiredOn": retired_on,
        "open": is_open,
        "lastImportId": latest,
    }


def usual_interval(days: Sequence[date]) -> int | None:
    """Return the median interval between the last ten scans in days; None with fewer than two scans.

    :param days: the days of the scans, oldest first.
    """
    gaps = [(after - before).days for before, after in pairwise(days[-10:])]
    return round(median(gaps)) if gaps else None


def rhythm(days: Sequence[date]) -> int | None:
    """Return the usual interval between the scans of these days; None if there are too few of them."""
    return usual_interval(days) if len(days) >= MIN_SCAN_DAYS else None


def expected_within(usual: int) -> int:
    """Return within how many days after a scan the next one is expected: one and a half times the usual interval."""
    return max(MIN_QUIET_DAYS, usual * 3 // 2)


def _stands_for(days: Sequence[date]) -> int:
    """Return for how many days the result of a scan is taken as current, in a source with scans on these days."""
    usual = rhythm(days)
    return STANDS_FOR if usual is None else expected_within(usual)


def is_quiet(days: int, usual: int | None) -> bool:
    """Return whether a scan is missing in a source.

    :param days: the number of days since its last scan.
    :param usual: its usual interval; None if unknown.
    """
    return usual is not None and days > expected_within(usual)


def _last_scans(cursor: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """Return what the scans of each source's last day changed compared with its previous day of scans.

    A source that was scanned on only one day has nothing to compare with, and counts as unchanged.
    """
    lasts, compared, befores, days = [], [], [], {}
    retired = {number for (number,) in cursor.execute("SELECT id FROM source WHERE retired_on IS NOT NULL").fetchall()}
    for number, of_source in _history(cursor, [], None).items():
        if number in retired:
            continue
        ordered = sorted(of_source)
        days[number] = ordered[-1]
        lasts.append(of_source[ordered[-1]])
        if len(ordered) > 1:
            compared.append(of_source[ordered[-1]])
            befores.append(of_source[ordered[-2]])
    imports = cursor.execute(
        "SELECT id, source_id, scan_date FROM import WHERE place IS NOT NULL ORDER BY id"
    ).fetchall()
    open_now, open_before = _sum(day.open for day in compared), _sum(day.open for day in befores)
    changes = {name: _sum(day.changes[name] for day in lasts) for name in _CHANGES}
    return {
        "from": min(days.values(), default=None),
        "to": max(days.values(), default=None),
        "importIds": [number for number, source, day in imports if days.get(source) == day],
        "sourcesCompared": len(compared),
        "bySeverity": {
            name: {
                "change": open_now.get(value, 0) - open_before.get(value, 0),
                **{kind: changes[kind].get(value, 0) for kind in _CHANGES},
            }
            for value, name in _NAMES.items()
        },
    }


def _history(cursor: duckdb.DuckDBPyConnection, sources: Sequence[int], last: date | None) -> _History:
    found = cursor.execute(
        f"""
        SELECT source_id, day, severity, open, vpr_sum, {", ".join(_CHANGES)} FROM daily_total
        WHERE (len($sources) = 0 OR list_contains($sources, source_id)) AND day <= coalesce($last, day)
        """,
        {"sources": list(sources), "last": last},
    ).fetchall()
    history: _History = {}
    for source, day, severity, is_open, vpr, *changes in found:
        of_day = history.setdefault(source, {}).setdefault(day, _Day())
        of_day.open[severity] = is_open
        of_day.vpr += vpr
        for name, number in zip(_CHANGES, changes, strict=True):
            of_day.changes[name][severity] = number
    _end_retired(cursor, history, last)
    return history


def _end_retired(cursor: duckdb.DuckDBPyConnection, history: _History, last: date | None) -> None:
    """Set the open findings of retired sources to zero from the day on which they were retired."""
    for source, retired_on in cursor.execute(
        "SELECT id, retired_on FROM source WHERE retired_on IS NOT NULL"
    ).fetchall():
        if source in history and (last is None or retired_on <= last):
            days = history[source]
            for day in {retired_on, *(day for day in days if day > retired_on)}:
                days[day] = _Day(changes=days.get(day, _Day()).changes)


def _left_open(days: Iterable[_Day]) -> dict[str, Any]:
    days = list(days)
    is_open = _sum(day.open for day in days)
    counts = {name: is_open.get(value, 0) for value, name in _NAMES.items()}
    return {"open": counts, "total": sum(counts.values()), "vprSum": round(sum(day.vpr for day in days), 1)}


def _changed(days: Iterable[_Day]) -> dict[str, int]:
    days = list(days)
    return {name: sum(sum(day.changes[name].values()) for day in days) for name in _CHANGES}


def _sum(parts: Iterable[dict[int, int]]) -> dict[int, int]:
    found: dict[int, int] = {}
    for part in parts:
        for severity, number in part.items():
            found[severity] = found.get(severity, 0) + number
    return found
