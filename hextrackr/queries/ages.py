"""The age of findings: overdue ones, the time to resolve, and both by month."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from hextrackr.domain.models import WORST_FIRST, is_open
from hextrackr.readmodel.questions import question

from . import parameters
from .filters import findings, where
from .findings import totals_of

if TYPE_CHECKING:
    import duckdb

_NAMES = {severity.value: severity.name.lower() for severity in WORST_FIRST}
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
