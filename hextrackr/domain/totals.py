"""Maintain the counts of open findings: of each source, now and on each day with a scan, and of each asset and definition.

They could be counted from the findings, but these are too many to do so at every import and on every page.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from sqlalchemy import Connection, text

from hextrackr.db.dialects import rounded, statement

from .imports import ADDED
from .models import Severity, is_open
from .staged import IS_KEPT
from .verdicts import FIXED, OPEN

if TYPE_CHECKING:
    from .lifecycle import Outcomes

#: Severity (0..4) -> (open findings, sum of their VPR).
OpenTotals = dict[int, tuple[int, float]]

# The current totals of a source: ``state_totals``


def count(connection: Connection, source_id: int) -> OpenTotals:
    """Count a source's findings again after they have changed, and return the open ones."""
    _count_again(
        connection,
        """
        SELECT :source_id, lifecycle, severity, count(*), coalesce(sum(vpr), 0)
        FROM findings WHERE source_id = :source_id GROUP BY lifecycle, severity
        """,
        {"source_id": source_id},
    )
    return open_in_source(connection, source_id)


def count_staged(connection: Connection, import_id: int, source_id: int) -> OpenTotals:
    """Count the first findings of a source from the staged observations, without reading each finding, and return the open ones."""
    _count_again(
        connection,
        f"""
        SELECT :source_id, CASE o.state WHEN {FIXED} THEN 'resolved' WHEN {OPEN} THEN 'active' ELSE 'reopened' END, severity,
               sum(findings), coalesce(sum(vpr * findings), 0)
        FROM staging_observations o WHERE import_id = :import_id AND {IS_KEPT} GROUP BY o.state, severity
        """,
        {"import_id": import_id, "source_id": source_id},
    )
    return open_in_source(connection, source_id)


def _count_again(connection: Connection, counted: str, parameters: dict[str, int]) -> None:
    for step in (
        "DELETE FROM state_totals WHERE source_id = :source_id",
        f"INSERT INTO state_totals (source_id, lifecycle, severity, findings, vpr_sum) {counted}",
    ):
        connection.execute(text(step), parameters)


def open_in_source(connection: Connection, source_id: int) -> OpenTotals:
    """The open findings of a source now."""
    return _totals(
        connection,
        f"""
        SELECT severity, sum(findings), sum(vpr_sum) FROM state_totals
        WHERE source_id = :source_id AND {is_open("lifecycle")} GROUP BY severity
        """,
        source_id=source_id,
    )


# The totals of a source on a day: ``daily_totals``


def open_on(connection: Connection, source_id: int, day: date) -> OpenTotals:
    """The findings of a source that were open on a past day, judged by their first-seen and resolved days."""
    return _totals(
        connection,
        """
        SELECT severity, count(*), coalesce(sum(vpr), 0) FROM findings
        WHERE source_id = :source_id AND first_seen <= :day AND (resolved_on IS NULL OR resolved_on > :day) GROUP BY severity
        """,
        source_id=source_id,
        day=day,
    )


def open_in_file(connection: Connection, import_id: int) -> OpenTotals:
    """The open findings in a staged file."""
    return _totals(
        connection,
        """
        SELECT severity, sum(findings), coalesce(sum(vpr * findings), 0) FROM staging_observations
        WHERE import_id = :import_id AND state > 0 GROUP BY severity
        """,
        import_id=import_id,
    )


def _totals(connection: Connection, counted: str, **parameters: object) -> OpenTotals:
    return {row[0]: (row[1], row[2]) for row in connection.execute(statement(counted), parameters)}


def has_totals(connection: Connection, source_id: int, day: date) -> bool:
    """Whether there are totals for this day."""
    exists = "SELECT 1 FROM daily_totals WHERE source_id = :source_id AND day = :day LIMIT 1"
    return connection.execute(statement(exists), {"source_id": source_id, "day": day}).first() is not None


def write(connection: Connection, source_id: int, day: date, open_now: OpenTotals, outcomes: Outcomes) -> None:
    """Write the totals of a day; the changes of several imports on one day add up."""
    connection.execute(
        statement("""
        INSERT INTO daily_totals (source_id, day, severity, open, vpr_sum, opened, resolved, reopened)
        VALUES (:source_id, :day, :severity, :open, :vpr_sum, :opened, :resolved, :reopened)
        ON CONFLICT (source_id, day, severity) DO UPDATE SET
            open = excluded.open, vpr_sum = excluded.vpr_sum, opened = daily_totals.opened + excluded.opened,
            resolved = daily_totals.resolved + excluded.resolved, reopened = daily_totals.reopened + excluded.reopened
        """),
        [
            {
                "source_id": source_id,
                "day": day,
                "severity": severity.value,
                "open": open_now.get(severity, (0, 0.0))[0],
                "vpr_sum": round(open_now.get(severity, (0, 0.0))[1], 1),
                "opened": outcomes["inserted"].get(severity, 0),
                "resolved": outcomes["resolved"].get(severity, 0),
                "reopened": outcomes["reopened"].get(severity, 0),
            }
            for severity in Severity
        ],
    )


# The open findings of an asset or a definition: ``asset_weights`` and ``definition_weights``

_SUBJECTS = ("asset", "definition")
#: Their columns, with the severity that each counts.
_COUNTED = {severity.name.lower(): severity.value for severity in reversed(Severity)}


def weigh_staged(connection: Connection, import_id: int) -> None:
    """Write the weights of the first import of a source, from its staged rows."""
    for subject in _SUBJECTS:
        connection.execute(
            text(f"""
            INSERT INTO {subject}_weights ({subject}_id, {", ".join(_COUNTED)}, vpr_sum)
            SELECT {subject}_id, {", ".join(_COUNTED)}, vpr_sum FROM staging_{subject}s
            WHERE import_id = :import_id AND {" + ".join(_COUNTED)} > 0
            """),
            {"import_id": import_id},
        )


def weigh_again(connection: Connection, source_id: int) -> None:
    """Write the weights of a source anew, by a look at each of its findings."""
    counts = ", ".join(f"count(*) FILTER (WHERE severity = {severity})" for severity in _COUNTED.values())
    vpr = rounded(connection, "coalesce(sum(vpr), 0)", 2)
    for subject in _SUBJECTS:
        for step in (
            f"DELETE FROM {subject}_weights WHERE {subject}_id IN (SELECT id FROM {subject}s WHERE source_id = :source_id)",
            f"""
            INSERT INTO {subject}_weights ({subject}_id, {", ".join(_COUNTED)}, vpr_sum)
            SELECT {subject}_id, {counts}, {vpr} FROM findings
            WHERE source_id = :source_id AND {is_open("lifecycle")} GROUP BY {subject}_id
            """,
        ):
            connection.execute(text(step), {"source_id": source_id})


def add_weights(connection: Connection, import_id: int) -> None:
    """Add the findings that an import opened to the weights, and subtract those that it resolved, once its changes are written."""
    _move_weights(connection, import_id, 1)


def take_off_weights(connection: Connection, import_id: int) -> None:
    """Subtract the changes of the latest import of a source from the weights, before they are undone."""
    _move_weights(connection, import_id, -1)


def _move_weights(connection: Connection, import_id: int, sign: int) -> None:
    # The findings that the import added are unchanged since, as it is the latest import.
    came_and_went = f"""
        SELECT asset_id, definition_id, severity, vpr, 1 AS sign FROM findings
        WHERE {ADDED} AND {is_open("lifecycle")}
        UNION ALL
        SELECT f.asset_id, f.definition_id, c.severity, c.vpr, 1
        FROM finding_changes c JOIN findings f ON f.id = c.finding_id WHERE c.import_id = :import_id AND c.kind <> 'resolved'
        UNION ALL
        SELECT f.asset_id, f.definition_id, c.severity_before, c.vpr_before, -1
        FROM finding_changes c JOIN findings f ON f.id = c.finding_id
        WHERE c.import_id = :import_id AND {is_open("c.lifecycle_before")}
    """
    counts = ", ".join(
        f"coalesce(sum(sign) FILTER (WHERE severity = {severity}), 0) * :sign" for severity in _COUNTED.values()
    )
    vpr = rounded(connection, "coalesce(sum(sign * vpr), 0) * :sign", 2)
    for subject in _SUBJECTS:
        table = f"{subject}_weights"
        connection.execute(
            text(f"""
            INSERT INTO {table} ({subject}_id, {", ".join(_COUNTED)}, vpr_sum)
            SELECT {subject}_id, {counts}, {vpr} FROM ({came_and_went}) AS moved WHERE 1 = 1 GROUP BY {subject}_id
            ON CONFLICT ({subject}_id) DO UPDATE SET
                {", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in _COUNTED)},
                vpr_sum = {rounded(connection, f"{table}.vpr_sum + excluded.vpr_sum", 2)}
            """),
            {"import_id": import_id, "sign": sign},
        )
        connection.execute(text(f"DELETE FROM {table} WHERE {' AND '.join(f'{name} = 0' for name in _COUNTED)}"))
