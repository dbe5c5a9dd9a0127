"""Keeps what was open in a source on a day, and what the imports of that day changed."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Connection, text

from hextrackr.db.dialects import statement

from .lifecycle import Outcomes
from .models import Severity
from .staged_sql import IS_KEPT
from .verdicts import FIXED, OPEN

#: Severity (0..4) -> (open findings, sum of their VPR).
OpenTotals = dict[int, tuple[int, float]]

_OPEN = """
    SELECT severity, sum(findings), sum(vpr_sum) FROM state_totals
    WHERE source_id = :source_id AND lifecycle <> 'resolved' GROUP BY severity
"""
_FORGET = "DELETE FROM state_totals WHERE source_id = :source_id"
_COUNT = """
    INSERT INTO state_totals (source_id, lifecycle, severity, findings, vpr_sum)
    SELECT :source_id, lifecycle, severity,
           count(*), coalesce(sum(vpr), 0)
    FROM findings WHERE source_id = :source_id GROUP BY lifecycle, severity
"""
#: A source that had nothing on record has what its file holds.
_COUNT_STAGED = f"""
    INSERT INTO state_totals (source_id, lifecycle, severity, findings, vpr_sum)
    SELECT :source_id, CASE o.state WHEN {FIXED} THEN 'resolved' WHEN {OPEN} THEN 'active' ELSE 'reopened' END, severity,
           sum(findings), coalesce(sum(vpr * findings), 0)
    FROM staging_observations o WHERE import_id = :import_id AND {IS_KEPT} GROUP BY o.state, severity
"""
_OPEN_ON = """
    SELECT severity, count(*), coalesce(sum(vpr), 0) FROM findings
    WHERE source_id = :source_id AND first_seen <= :day AND (resolved_on IS NULL OR resolved_on > :day) GROUP BY severity
"""
_OPEN_IN_FILE = """
    SELECT severity, sum(findings), coalesce(sum(vpr * findings), 0) FROM staging_observations
    WHERE import_id = :import_id AND state > 0 GROUP BY severity
"""
_UPSERT = """
    INSERT INTO daily_totals (source_id, day, severity, open, vpr_sum, opened, resolved, reopened)
    VALUES (:source_id, :day, :severity, :open, :vpr_sum, :opened, :resolved, :reopened)
    ON CONFLICT (source_id, day, severity) DO UPDATE SET
        open = excluded.open, vpr_sum = excluded.vpr_sum, opened = daily_totals.opened + excluded.opened,
        resolved = daily_totals.resolved + excluded.resolved, reopened = daily_totals.reopened + excluded.reopened
"""


def count(connection: Connection, source_id: int) -> OpenTotals:
    """Count a source's findings anew, once they have changed, and return what is open."""
    for step in (_FORGET, _COUNT):
        connection.execute(text(step), {"source_id": source_id})
    return open_in_source(connection, source_id)


def count_staged(connection: Connection, import_id: int, source_id: int) -> OpenTotals:
    """The same for the first findings of a source, without looking at each of them."""
    for step in (_FORGET, _COUNT_STAGED):
        connection.execute(text(step), {"import_id": import_id, "source_id": source_id})
    return open_in_source(connection, source_id)


def open_in_source(connection: Connection, source_id: int) -> OpenTotals:
    """What is open in a source now."""
    return {row[0]: (row[1], row[2]) for row in connection.execute(text(_OPEN), {"source_id": source_id})}


def held(connection: Connection) -> int:
    """How many findings are on record, of all sources, when they were last counted."""
    return int(connection.execute(text("SELECT coalesce(sum(findings), 0) FROM state_totals")).scalar_one())


def open_on(connection: Connection, source_id: int, day: date) -> OpenTotals:
    """What was open in a source on a past day, as far as the findings tell."""
    rows = connection.execute(statement(_OPEN_ON), {"source_id": source_id, "day": day})
    return {row[0]: (row[1], row[2]) for row in rows}


def open_in_file(connection: Connection, import_id: int) -> OpenTotals:
    """What is open in a staged file."""
    return {row[0]: (row[1], row[2]) for row in connection.execute(text(_OPEN_IN_FILE), {"import_id": import_id})}


def known(connection: Connection, source_id: int, day: date) -> bool:
    """Whether there are totals of this day."""
    row = connection.execute(
        statement("SELECT 1 FROM daily_totals WHERE source_id = :source_id AND day = :day LIMIT 1"),
        {"source_id": source_id, "day": day},
    )
    return row.first() is not None


def keep(connection: Connection, source_id: int, day: date, is_open: OpenTotals, outcomes: Outcomes) -> None:
    """Write the totals of a day; what several imports of one day changed adds up."""
    connection.execute(
        statement(_UPSERT),
        [
            {
                "source_id": source_id,
                "day": day,
                "severity": severity.value,
                "open": is_open.get(severity, (0, 0.0))[0],
                "vpr_sum": round(is_open.get(severity, (0, 0.0))[1], 1),
                "opened": outcomes["inserted"].get(severity, 0),
                "resolved": outcomes["resolved"].get(severity, 0),
                "reopened": outcomes["reopened"].get(severity, 0),
            }
            for severity in Severity
        ],
    )
