"""All sources, including those without imports, with their labels, scans and open findings, for the page of sources."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

from hextrackr.domain import merging
from hextrackr.domain.models import WORST_FIRST
from hextrackr.domain.sources import RETIRED
from hextrackr.ingest import formats
from hextrackr.readmodel.questions import question

from .findings import COUNTS, by_severity, rows
from .trends import is_quiet, rhythm

if TYPE_CHECKING:
    import duckdb


@question
def source_overview(cursor: duckdb.DuckDBPyConnection, _query: Mapping[str, Any]) -> dict[str, Any]:
    """Answer all sources. The open findings of a retired source count only here."""
    found = rows(
        cursor.execute(f"""
        SELECT s.id, s.scanner, s.scanner_name, s.label, s.retired_on, h.hosts, i.imports, i.first_scan, i.last_scan, i.latest, t.days,
               a.aliases, f.* EXCLUDE (source_id)
        FROM source s
        LEFT JOIN (SELECT source_id, count(*) AS hosts FROM host_row GROUP BY source_id) h ON h.source_id = s.id
        LEFT JOIN (SELECT source_id, count(*) AS imports, min(scan_date) AS first_scan, max(scan_date) AS last_scan, max(id) AS latest
                   FROM import GROUP BY source_id) i ON i.source_id = s.id
        LEFT JOIN (SELECT source_id, list(DISTINCT day ORDER BY day) AS days FROM daily_total GROUP BY source_id) t
               ON t.source_id = s.id
        LEFT JOIN (SELECT source_id, list({{'scanner': scanner, 'label': label}} ORDER BY scanner, label) AS aliases
                   FROM source_alias GROUP BY source_id) a ON a.source_id = s.id
        LEFT JOIN (SELECT source_id, {COUNTS} FROM finding f WHERE is_open OR state = '{RETIRED}' GROUP BY source_id) f
               ON f.source_id = s.id
        ORDER BY lower(s.label), s.scanner, s.id
        """)
    )
    today = date.today()
    return {"data": [_source(today, row) | {"mergesWith": _merges_with(row, found)} for row in found]}


def _merges_with(source: dict[str, Any], others: list[dict[str, Any]]) -> list[int]:
    """Return the ids of the sources that a source can be merged with."""
    return [
        other["id"]
        for other in others
        if other["id"] != source["id"]
        and not (source["retired_on"] or other["retired_on"])
        and merging.number_alike(source["scanner"], other["scanner"])
    ]


def _source(today: date, row: dict[str, Any]) -> dict[str, Any]:
    days, aliases = row["days"] or [], row["aliases"] or []
    counts = by_severity([row[severity.name.lower()] or 0 for severity in WORST_FIRST])
    return {
        "sourceId": row["id"],
        "scanner": row["scanner"],
        "scannerName": formats.scanner_name(row["scanner"], row["scanner_name"]),
        "source": row["label"],
        "aliases": [
            {
                "scanner": alias["scanner"],
                "scannerName": formats.scanner_name(alias["scanner"], row["scanner_name"]),
                "source": alias["label"],
            }
            for alias in aliases
        ],
        "state": _state(today, row, days),
        "retiredOn": row["retired_on"],
        "hosts": row["hosts"] or 0,
        "open": sum(counts.values()),
        "bySeverity": counts,
        "imports": row["imports"] or 0,
        "firstScanDate": row["first_scan"],
        "lastScanDate": row["last_scan"],
        "scanDays": len(days),
        "usualIntervalDays": rhythm(days),
        "lastImportId": row["latest"],
    }


def _state(today: date, row: dict[str, Any], days: list[date]) -> str:
    """Return ``retired``, ``empty`` (without imports that are in effect), ``quiet`` (a scan is missing) or ``active``."""
    if row["retired_on"] is not None:
        return RETIRED
    if not row["imports"]:
        return "empty"
    last = row["last_scan"]
    return "quiet" if last is not None and is_quiet((today - last).days, rhythm(days)) else "active"
