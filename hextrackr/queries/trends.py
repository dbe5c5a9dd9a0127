"""What was open over time, what scans changed, how long findings stay open, and how often each source is scanned.

What was open comes from the totals that every import keeps of its day. What an import opened, reopened or resolved counts on the day of its
scan. What the first scan of a source opened is counted apart: it was there before, and nobody had looked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Any

from hextrackr.domain.models import WORST_FIRST, Lifecycle, is_open
from hextrackr.domain.sources import RETIRED
from hextrackr.ingest import formats
from hextrackr.readmodel.questions import question

from . import parameters
from .filters import OF_FIRST_SCAN, findings, where
from .findings import COUNTS, by_severity, rows, totals_of

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
    for source, day, severity, open_findings, vpr, *changes in found:
        of_day = history.setdefault(source, {}).setdefault(day, _Day())
        of_day.open[severity] = open_findings
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


#: The default length of a period in days.
DAYS = 7
_MAX_DAYS = 3_650
#: Figure -> the filters of its findings, in addition to those of the period.
_COUNTED = {
    "opened": {"change": "opened", "firstScan": "false"},
    "firstScans": {"change": "opened", "firstScan": "true"},
    "reopened": {"change": "reopened"},
    "resolved": {"change": "resolved"},
}


@question
def recent_changes(cursor: duckdb.DuckDBPyConnection, query: Mapping[str, Any]) -> dict[str, Any]:
    """Answer what the scans of the last ``days`` changed, compared with as many days before; or what imports after an instant changed.

    Each figure has the ``filters`` of the list with its findings. ``scannedBefore`` tells whether the days before had a scan at all.

    :param query: ``days``, or ``importedAfter`` in milliseconds since the epoch; optionally ``source``.
    :raises RequestError: a parameter is invalid.
    """
    today = parameters.day(query, "today") or date.today()
    days = parameters.number("days", parameters.text(query, "days") or str(DAYS), 1, _MAX_DAYS)
    limits = {"source": query["source"]} if query.get("source") else {}
    answer: dict[str, Any] = dict(_imports(cursor))
    if after := parameters.text(query, "importedAfter"):
        answer |= {"from": None, "to": None}
        periods = [{**limits, "importedAfter": after}]
    else:
        first = today - timedelta(days=days - 1)
        answer |= {"from": first, "to": today}
        periods = [
            {**limits, **_days(first, today)},
            {**limits, **_days(first - timedelta(days=days), first - timedelta(days=1))},
        ]
    for name, kind in _COUNTED.items():
        now, *before = (totals_of(cursor, where({**period, **kind})) for period in periods)
        answer[name] = {
            "findings": now["findings"],
            "bySeverity": now["bySeverity"],
            "before": before[0]["findings"] if before else None,
            "filters": {**periods[0], **kind},
        }
    answer["firstScans"]["sources"] = _sources_first_scanned(cursor, periods[0])
    answer["scannedBefore"] = _was_scanned(cursor, periods[1]) if len(periods) > 1 else None
    return answer


def _days(first: date, last: date) -> dict[str, str]:
    return {"changedFrom": first.isoformat(), "changedTo": last.isoformat()}


def _imports(cursor: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """Return the latest scan date, and when the latest import finished."""
    (newest,) = rows(
        cursor.execute('SELECT max(scan_date) AS "lastScan", max(finished_at) AS "lastImported" FROM import')
    )
    return newest


def _was_scanned(cursor: duckdb.DuckDBPyConnection, period: Mapping[str, str]) -> bool:
    """Return whether there was a scan in a period, of the sources that it names or of any."""
    found = cursor.execute(
        """
        SELECT 1 FROM import
        WHERE scan_date BETWEEN $first AND $last AND (len($sources) = 0 OR list_contains($sources, source_id)) LIMIT 1
        """,
        {"first": period["changedFrom"], "last": period["changedTo"], "sources": parameters.numbers(period, "source")},
    )
    return found.fetchone() is not None


def _sources_first_scanned(cursor: duckdb.DuckDBPyConnection, period: Mapping[str, str]) -> int:
    """Return how many sources were scanned for the first time in this period, with findings."""
    limited = where({**period, **_COUNTED["firstScans"]})
    (sources,) = cursor.execute(
        f"SELECT count(DISTINCT f.source_id) FROM finding f WHERE {limited.sql}", limited.values
    ).fetchone() or (0,)
    return int(sources)


@question
def changes_by_week(cursor: duckdb.DuckDBPyConnection, query: Mapping[str, Any]) -> dict[str, Any]:
    """Answer what the scans of each week (Monday to Sunday) changed, oldest first, including weeks without scans.

    A finding that was resolved twice in a week counts once, as in the list of that week.

    :param query: ``source``, ``from`` and ``to``, all optional; the weeks of both days are included as a whole.
    :raises RequestError: a parameter is invalid.
    """
    return {
        "data": rows(
            cursor.execute(
                f"""
                WITH scans AS (
                    SELECT i.id, i.source_id, i.scan_date, CAST(date_trunc('week', i.scan_date) AS DATE) AS week,
                           {OF_FIRST_SCAN} AS is_first
                    FROM import i
                    WHERE i.place IS NOT NULL AND i.scan_date IS NOT NULL
                      AND (len($sources) = 0 OR list_contains($sources, i.source_id))
                      AND week >= coalesce(date_trunc('week', $first::DATE), week)
                      AND week <= coalesce(date_trunc('week', $last::DATE), week)),
                weeks AS (
                    SELECT CAST(unnest(generate_series(min(week), max(week), INTERVAL 7 DAY)) AS DATE) AS week FROM scans),
                scanned AS (SELECT week, count(DISTINCT (source_id, scan_date)) AS scans FROM scans GROUP BY week),
                opened AS (
                    SELECT week, count(*) FILTER (NOT is_first) AS opened, count(*) FILTER (is_first) AS first_scans
                    FROM finding f JOIN scans ON scans.id = f.opened_by GROUP BY week),
                changed AS (
                    SELECT week, count(DISTINCT finding_id) FILTER (kind = 'reopened') AS reopened,
                           count(DISTINCT finding_id) FILTER (kind = 'resolved') AS resolved
                    FROM finding_change c JOIN scans ON scans.id = c.import_id GROUP BY week)
                SELECT week, coalesce(scans, 0) AS scans, coalesce(opened, 0) AS opened, coalesce(first_scans, 0) AS "firstScans",
                       coalesce(reopened, 0) AS reopened, coalesce(resolved, 0) AS resolved
                FROM weeks LEFT JOIN scanned USING (week) LEFT JOIN opened USING (week) LEFT JOIN changed USING (week)
                ORDER BY week
                """,
                parameters.period(query),
            )
        )
    }


#: A critical finding that has been open for more days than this is overdue.
OVERDUE_DAYS = 30
#: The number of days whose resolved findings count for the time to resolve.
RESOLVED_DAYS = 90


@question
def response_times(cursor: duckdb.DuckDBPyConnection, query: Mapping[str, Any]) -> dict[str, Any]:
    """Answer how many critical findings are overdue, and the median time to resolve recently resolved findings, by severity.

    The time counts from the day on which a finding was first seen. Each figure has the ``filters`` of the list with its findings.

    :param query: ``source``, optional.
    :raises RequestError: a parameter is invalid.
    """
    today = parameters.day(query, "today") or date.today()
    limits = {"source": query["source"]} if query.get("source") else {}
    overdue = {**limits, "severity": "critical", "state": "open", "ageMin": str(OVERDUE_DAYS + 1)}
    first = today - timedelta(days=RESOLVED_DAYS - 1)
    resolved = {**limits, "state": "resolved", "resolvedFrom": str(first), "resolvedTo": str(today)}
    limited = where(resolved)
    medians = {
        severity: (count, days)
        for severity, count, days in cursor.execute(
            f"""
            SELECT f.severity, count(*), median(f.resolved_on - f.first_seen)
            FROM {findings(limited.sql)} WHERE {limited.sql} GROUP BY f.severity
            """,
            limited.values,
        ).fetchall()
    }
    return {
        "overdue": {
            "days": OVERDUE_DAYS,
            "findings": totals_of(cursor, where({**overdue, "today": str(today)}))["findings"],
            "filters": overdue,
        },
        "timeToResolve": {
            "from": first,
            "to": today,
            "bySeverity": {
                name: {
                    "findings": medians.get(value, (0, None))[0],
                    "medianDays": medians.get(value, (0, None))[1],
                    "filters": {**resolved, "severity": name},
                }
                for value, name in _NAMES.items()
            },
        },
    }


@question
def resolved_by_month(cursor: duckdb.DuckDBPyConnection, query: Mapping[str, Any]) -> dict[str, Any]:
    """Answer how many findings were resolved in each month and how long that took, oldest month first.

    Only findings that are resolved now count, in the month in which they were last resolved.

    :param query: ``source``, ``from`` and ``to``, all optional; the months of both days are included as a whole.
    :raises RequestError: a parameter is invalid.
    """
    found = cursor.execute(
        """
        SELECT CAST(date_trunc('month', resolved_on) AS DATE) AS month, severity, count(*), median(resolved_on - first_seen)
        FROM finding
        WHERE state = 'resolved' AND resolved_on IS NOT NULL AND (len($sources) = 0 OR list_contains($sources, source_id))
          AND resolved_on >= coalesce(date_trunc('month', $first::DATE), resolved_on)
          AND resolved_on <= coalesce(last_day($last::DATE), resolved_on)
        GROUP BY month, severity ORDER BY month
        """,
        parameters.period(query),
    ).fetchall()
    months: dict[date, dict[int, Sequence[Any]]] = {}
    for month, severity, *figures in found:
        months.setdefault(month, {})[severity] = figures
    return {
        "data": [
            {"month": f"{month:%Y-%m}", **_by_severity(figures, "resolved", "medianDays")}
            for month, figures in months.items()
        ]
    }


@question
def open_by_month(cursor: duckdb.DuckDBPyConnection, query: Mapping[str, Any]) -> dict[str, Any]:
    """Answer how many findings were open at the end of each month with a scan (today for this month) and their median age, oldest first.

    A finding is open from the day of the scan that opened it until the day of the scan that resolved it. Its age counts from the day on
    which it was first seen.

    :param query: ``source``, ``from`` and ``to``, all optional; the months of both days are included as a whole.
    :raises RequestError: a parameter is invalid.
    """
    was_open = is_open("state_before")
    found = cursor.execute(
        f"""
        WITH scans AS (
            SELECT id, place, scan_date FROM import
            WHERE place IS NOT NULL AND scan_date IS NOT NULL AND (len($sources) = 0 OR list_contains($sources, source_id))),
        ends AS (
            SELECT DISTINCT least(last_day(scan_date), greatest($today::DATE, scan_date)) AS day FROM scans
            WHERE scan_date >= coalesce(date_trunc('month', $first::DATE), scan_date)
              AND scan_date <= coalesce(last_day($last::DATE), scan_date)),
        changes AS (
            SELECT c.finding_id, s.scan_date AS day, c.severity, c.severity_before, {was_open} AS was_open,
                   CASE c.kind WHEN 'resolved' THEN FALSE WHEN 'reopened' THEN TRUE ELSE {was_open} END AS is_open,
                   lead(s.scan_date) OVER of_finding AS until, row_number() OVER of_finding AS number
            FROM finding_change c JOIN scans s ON s.id = c.import_id
            WINDOW of_finding AS (PARTITION BY c.finding_id ORDER BY s.scan_date, s.place, s.id)),
        spans AS (
            SELECT f.first_seen, coalesce(c.severity_before, f.severity) AS severity, coalesce(c.was_open, f.is_open) AS is_open,
                   s.scan_date AS day, c.day AS until
            FROM finding f JOIN scans s ON s.id = f.opened_by LEFT JOIN changes c ON c.finding_id = f.id AND c.number = 1
            UNION ALL
            SELECT f.first_seen, c.severity, c.is_open, c.day, c.until FROM changes c JOIN finding f ON f.id = c.finding_id),
        alike AS (
            SELECT first_seen, severity, day, until, count(*) AS findings FROM spans
            WHERE is_open AND (until IS NULL OR until > day) GROUP BY ALL),
        ages AS (
            SELECT ends.day, severity, ends.day - first_seen AS age, sum(findings) AS findings
            FROM ends JOIN alike ON alike.day <= ends.day AND (until IS NULL OR until > ends.day) GROUP BY ALL),
        ranked AS (
            SELECT day, severity, age, sum(findings) OVER (PARTITION BY day, severity ORDER BY age) AS up_to,
                   sum(findings) OVER (PARTITION BY day, severity) AS total
            FROM ages)
        SELECT day, severity, CAST(max(total) AS BIGINT),
               (min(age) FILTER (2 * up_to >= total) + min(age) FILTER (2 * up_to > total)) / 2 AS median_age
        FROM ends LEFT JOIN ranked USING (day) GROUP BY day, severity ORDER BY day
        """,
        {**parameters.period(query), "today": parameters.day(query, "today") or date.today()},
    ).fetchall()
    days: dict[date, dict[int, Sequence[Any]]] = {}
    for day, severity, *figures in found:
        days.setdefault(day, {})[severity] = figures
    return {
        "data": [
            {"month": f"{day:%Y-%m}", "day": day, **_by_severity(figures, "open", "medianAge")}
            for day, figures in days.items()
        ]
    }


def _by_severity(figures: Mapping[int, Sequence[Any]], counted: str, median: str) -> dict[str, dict[str, Any]]:
    """Return counts and medians by the name of the severity, worst first."""
    return {
        counted: {name: figures.get(value, (0, None))[0] for value, name in _NAMES.items()},
        median: {name: figures.get(value, (0, None))[1] for value, name in _NAMES.items()},
    }
