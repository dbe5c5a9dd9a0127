"""Keeps what a promotion is about to overwrite, in the same transaction, so that :mod:`.models` can put it back.

Only what changes is kept. When findings were seen last is told by sightings: of those that an import lets refer to another one a bit
is kept, see :class:`hextrackr.domain.models.SightingBefore`, and of the sightings the day.
"""

from __future__ import annotations

from datetime import date

from sqlalchemy import Connection, insert, text

from hextrackr.db.dialects import statement

from .fields import FINDING, listed
from .models import BLOCK, DayBefore, Severity

_FINDINGS = f"""
    INSERT INTO undo_findings (import_id, finding_id, severity, {listed(FINDING)}, lifecycle, resolved_on)
    SELECT :import_id, f.id, f.severity, {listed(FINDING, "f.{name}")}, f.lifecycle, f.resolved_on
    FROM findings f
    WHERE f.id IN (SELECT finding_id FROM matched WHERE outcome IN ('updated', 'reopened', 'resolved')
                   UNION ALL SELECT finding_id FROM absent)
"""
_SIGHTINGS = f"""
    INSERT INTO undo_sightings (import_id, block, sighting_id, findings)
    SELECT :import_id, finding_id / {BLOCK}, before_id, CAST(sum(CAST(1 AS BIGINT) << (finding_id % {BLOCK})) AS BIGINT)
    FROM moved GROUP BY 2, 3
"""
_SEEN_EARLIER = """
    INSERT INTO undo_findings (import_id, finding_id, first_seen)
    SELECT :import_id, f.id, f.first_seen
    FROM matched m CROSS JOIN findings f WHERE f.id = m.finding_id AND m.earlier IS NOT NULL
    ON CONFLICT (import_id, finding_id) DO UPDATE SET first_seen = excluded.first_seen
"""
_PLACES = """
    INSERT INTO undo_findings (import_id, finding_id, port, protocol)
    SELECT :import_id, f.id, f.port, f.protocol FROM located t CROSS JOIN findings f WHERE f.id = t.finding_id
    ON CONFLICT (import_id, finding_id) DO UPDATE SET port = excluded.port, protocol = excluded.protocol
"""
#: For a definition that is new, nothing is kept: it goes with its findings.
_CVES = """
    INSERT INTO undo_cves (import_id, definition_id, cve, added)
    SELECT :import_id, d.definition_id, c.cve, TRUE
    FROM staging_definitions d JOIN staging_cves c ON c.import_id = d.import_id AND c.number = d.number
    WHERE d.import_id = :import_id AND d.definition_id <= :newest
      AND NOT EXISTS (SELECT 1 FROM definition_cves o WHERE o.definition_id = d.definition_id AND o.cve = c.cve)
    UNION ALL
    SELECT :import_id, o.definition_id, o.cve, FALSE
    FROM staging_definitions d JOIN definition_cves o ON o.definition_id = d.definition_id
    WHERE d.import_id = :import_id
      AND EXISTS (SELECT 1 FROM staging_cves c WHERE c.import_id = d.import_id AND c.number = d.number)
      AND NOT EXISTS (SELECT 1 FROM staging_cves c WHERE c.import_id = d.import_id AND c.number = d.number AND c.cve = o.cve)
"""
_IDENTIFIERS = """
    INSERT INTO undo_identifiers (import_id, asset_id, kind, value, realm, added, inherited)
    SELECT :import_id, asset_id, kind, value, realm, TRUE, FALSE FROM added_identifiers
    UNION ALL SELECT :import_id, asset_id, kind, value, realm, FALSE, inherited FROM gone_identifiers
"""
_TOTALS = """
    INSERT INTO undo_totals (import_id, day, severity, open, vpr_sum, opened, resolved, reopened)
    SELECT :import_id, :day, :severity, t.open, t.vpr_sum, t.opened, t.resolved, t.reopened
    FROM (SELECT 1) AS one LEFT JOIN daily_totals t ON t.source_id = :source_id AND t.day = :day AND t.severity = :severity
"""


def keep_findings(connection: Connection, import_id: int) -> None:
    """Keep the findings that ``matched`` and ``absent`` are about to change."""
    connection.execute(text(_FINDINGS), {"import_id": import_id})


def keep_sightings(connection: Connection, import_id: int) -> None:
    """Keep what the findings refer to that ``moved`` is about to let refer to another sighting."""
    connection.execute(text(_SIGHTINGS), {"import_id": import_id})


def keep_day(connection: Connection, import_id: int, sighting_id: int, day: date | None) -> None:
    """Keep the day of a sighting that is about to be moved on; without one it is new."""
    connection.execute(insert(DayBefore).values(import_id=import_id, sighting_id=sighting_id, day=day))


def keep_first_seen(connection: Connection, import_id: int) -> None:
    """Keep the findings that a scan has seen earlier than any before, also those that :func:`keep_findings` has kept."""
    connection.execute(text(_SEEN_EARLIER), {"import_id": import_id})


def keep_places(connection: Connection, import_id: int) -> None:
    """Keep the ports and protocols that ``located`` is about to change, also of findings that are kept already."""
    connection.execute(text(_PLACES), {"import_id": import_id})


def keep_rows(
    connection: Connection, table: str, values: tuple[str, ...], differs: str, import_id: int, source_id: int
) -> None:
    """Keep the rows of ``assets`` or ``definitions`` that the staged rows linked to them are about to change.

    :param differs: the condition that says so, of ``excluded`` (the staged row) and the table.
    """
    names = ", ".join(values)
    connection.execute(
        text(f"""
        INSERT INTO undo_{table} (import_id, {table[:-1]}_id, {names})
        SELECT :import_id, {table}.id, {", ".join(f"{table}.{name}" for name in values)}
        FROM staging_{table} AS excluded JOIN {table} ON {table}.id = excluded.{table[:-1]}_id
        WHERE excluded.import_id = :import_id AND ({differs}) ORDER BY {table}.id
        """),
        {"import_id": import_id, "source_id": source_id},
    )


def keep_cves(connection: Connection, import_id: int, newest: int) -> None:
    """Keep what changes in the CVE sets of the definitions up to the id ``newest``: those above it are new."""
    connection.execute(text(_CVES), {"import_id": import_id, "newest": newest})


def keep_identifiers(connection: Connection, import_id: int) -> None:
    """Keep what ``added_identifiers`` and ``gone_identifiers`` are about to change."""
    connection.execute(text(_IDENTIFIERS), {"import_id": import_id})


def keep_totals(connection: Connection, import_id: int, source_id: int, day: date) -> None:
    """Keep the totals of a day."""
    connection.execute(
        statement(_TOTALS),
        [
            {"import_id": import_id, "source_id": source_id, "day": day, "severity": severity.value}
            for severity in Severity
        ],
    )
