"""What scans changed: in a recent period compared with the period before, since an import, and by week.

What an import opened, reopened or resolved counts on the day of its scan. Findings of the first scan of a source are counted separately, as
they are new to HexTrackr only.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from hextrackr.readmodel.questions import question

from . import parameters
from .filters import OF_FIRST_SCAN, where
from .findings import rows, totals_of

if TYPE_CHECKING:
    import duckdb

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

    Each figure has the ``filters`` of the list with its findings.

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
    return answer


def _days(first: date, last: date) -> dict[str, str]:
    return {"changedFrom": first.isoformat(), "changedTo": last.isoformat()}


def _imports(cursor: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """Return the latest scan date, and when the latest import finished."""
    (newest,) = rows(
        cursor.execute('SELECT max(scan_date) AS "lastScan", max(finished_at) AS "lastImported" FROM import')
    )
    return newest


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
