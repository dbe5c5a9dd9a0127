"""Undo the latest import of a source: in one transaction, after which everything is as it was before that import.

A promotion saves the values that it is about to overwrite, in its own transaction (``keep_...``), and :func:`undo_import` restores them
(``_restore_...``); each pair is next to each other here. Added rows need no log: the findings name the import that added them, and an
asset, a definition or a text is deleted with the last finding that refers to it. :mod:`.evidence` and :mod:`.evidence` save and restore
their own values.
"""

from __future__ import annotations

import time
from datetime import date

from sqlalchemy import Connection, Engine, func, insert, select, text, update

from hextrackr.db.dialects import lock_source, statement
from hextrackr.errors import NOT_LATEST, Conflict

from . import evidence, imports, record_version, sources, totals
from .fields import FINDING, HOST, VULNERABILITY, listed, names
from .models import (
    AssetBefore,
    CveBefore,
    DayBefore,
    DefinitionBefore,
    DetailsBefore,
    EvidenceBefore,
    FindingBefore,
    IdentifierBefore,
    Import,
    Severity,
    Source,
    TotalBefore,
)

#: Number of imports of a source that can be undone, one after the other.
DEPTH = 3
#: The tables of the undo log.
TABLES = (
    FindingBefore,
    DayBefore,
    AssetBefore,
    IdentifierBefore,
    DefinitionBefore,
    CveBefore,
    TotalBefore,
    EvidenceBefore,
    DetailsBefore,
)


def undoable(connection: Connection, source_id: int) -> int | None:
    """The import of a source that can be undone: the latest, unless it is too long ago, or from before the source was merged."""
    since_merge = connection.execute(select(Source.undoable_from).where(Source.id == source_id)).scalar_one()
    kept_from = max(imports.next_place(connection, source_id) - DEPTH, since_merge)
    found = connection.execute(imports.latest(source_id, Import.id, Import.place)).one_or_none()
    return found.id if found is not None and found.place >= kept_from else None


def undo_import(engine: Engine, import_id: int) -> None:
    """Undo an import.

    :raises Conflict: ``NOT_LATEST``: it is not the latest import of its source that changed something, or can no longer be undone.
    """
    with engine.execution_options(durable=True).begin() as connection:
        source_id = connection.execute(select(Import.source_id).where(Import.id == import_id)).scalar_one_or_none()
        if source_id is not None:
            lock_source(connection, source_id)
        if source_id is None or import_id != undoable(connection, source_id):
            raise Conflict(_why_not(connection, import_id), NOT_LATEST)
        totals.take_off_weights(connection, import_id)
        _restore_findings(connection, import_id)
        evidence.restore(connection, import_id)
        _delete_added_findings(connection, import_id)
        _restore_days(connection, import_id)
        _delete_unused(connection, source_id)
        _restore_rows(connection, "assets", names(HOST), import_id)
        _restore_rows(connection, "definitions", names(VULNERABILITY), import_id)
        _restore_identifiers(connection, import_id, source_id)
        evidence.restore_details(connection, import_id)
        _restore_cves(connection, import_id)
        _restore_totals(connection, import_id, source_id)
        totals.count(connection, source_id)
        connection.execute(update(Import).where(Import.id == import_id).values(undone_at=int(time.time() * 1000)))
        newest = connection.execute(select(func.max(Import.scan_date)).where(*imports.dated(source_id))).scalar_one()
        connection.execute(update(Source).where(Source.id == source_id).values(last_scan_date=newest))
        was_retired = sources.restore_retirement(connection, import_id, source_id)
        record_version.increment(connection, None if was_retired else import_id)


def _why_not(connection: Connection, import_id: int) -> str:
    """Why an import cannot be undone."""
    of_import = select(Import.place, Source.undoable_from).join(Source, Source.id == Import.source_id)
    found = connection.execute(of_import.where(Import.id == import_id)).one_or_none()
    if found is not None and found.place is not None and found.place < found.undoable_from:
        return "This import is older than the merge of its source with another one, so it cannot be undone any more."
    return "Only the latest import of a source can be undone."


# Findings


def keep_findings(connection: Connection, import_id: int) -> None:
    """Save the values of the findings in ``matched`` and ``absent`` that are about to change."""
    connection.execute(
        text(f"""
        INSERT INTO undo_findings (import_id, finding_id, severity, {listed(FINDING)}, lifecycle, resolved_on)
        SELECT :import_id, f.id, f.severity, {listed(FINDING, "f.{name}")}, f.lifecycle, f.resolved_on
        FROM findings f
        WHERE f.id IN (SELECT finding_id FROM matched WHERE outcome IN ('updated', 'reopened', 'resolved')
                       UNION ALL SELECT finding_id FROM absent)
        """),
        {"import_id": import_id},
    )


def keep_first_seen(connection: Connection, import_id: int) -> None:
    """Save the first-seen days that are about to change, also of findings that :func:`keep_findings` has saved."""
    connection.execute(
        text("""
        INSERT INTO undo_findings (import_id, finding_id, first_seen)
        SELECT :import_id, f.id, f.first_seen
        FROM matched m CROSS JOIN findings f WHERE f.id = m.finding_id AND m.earlier IS NOT NULL
        ON CONFLICT (import_id, finding_id) DO UPDATE SET first_seen = excluded.first_seen
        """),
        {"import_id": import_id},
    )


def keep_places(connection: Connection, import_id: int) -> None:
    """Save the ports and protocols of the findings in ``located``, also of findings that are saved already."""
    connection.execute(
        text("""
        INSERT INTO undo_findings (import_id, finding_id, port, protocol)
        SELECT :import_id, f.id, f.port, f.protocol FROM located t CROSS JOIN findings f WHERE f.id = t.finding_id
        ON CONFLICT (import_id, finding_id) DO UPDATE SET port = excluded.port, protocol = excluded.protocol
        """),
        {"import_id": import_id},
    )


def _restore_findings(connection: Connection, import_id: int) -> None:
    """Restore the findings. If no lifecycle is saved, the import changed only the days on which a finding was seen, or its place."""
    connection.execute(
        text(f"""
        UPDATE findings SET
            first_seen = coalesce(u.first_seen, findings.first_seen),
            port = coalesce(u.port, findings.port),
            protocol = coalesce(u.protocol, findings.protocol),
            sighting_id = coalesce(u.sighting_id, findings.sighting_id),
            severity = CASE WHEN u.lifecycle IS NULL THEN findings.severity ELSE u.severity END,
            {listed(FINDING, "{name} = CASE WHEN u.lifecycle IS NULL THEN findings.{name} ELSE u.{name} END")},
            lifecycle = coalesce(u.lifecycle, findings.lifecycle),
            resolved_on = CASE WHEN u.lifecycle IS NULL THEN findings.resolved_on ELSE u.resolved_on END
        FROM undo_findings u WHERE u.import_id = :import_id AND u.finding_id = findings.id
        """),
        {"import_id": import_id},
    )


def _delete_added_findings(connection: Connection, import_id: int) -> None:
    """Delete the findings that the import added, and its changes of others.

    All changes of a finding are deleted with it, also those of a later import, as of which a backdated scan resolves what it adds.
    """
    for step in (
        f"DELETE FROM findings WHERE {imports.ADDED}",
        "DELETE FROM finding_changes WHERE import_id = :import_id",
    ):
        connection.execute(text(step), {"import_id": import_id})


# The days on which findings were last seen


def keep_sightings(connection: Connection, import_id: int) -> None:
    """Save the sightings of the findings in ``moved``, also of findings that are saved already."""
    connection.execute(
        text("""
        INSERT INTO undo_findings (import_id, finding_id, sighting_id)
        SELECT :import_id, finding_id, before_id FROM moved WHERE 1 = 1 ORDER BY finding_id
        ON CONFLICT (import_id, finding_id) DO UPDATE SET sighting_id = excluded.sighting_id
        """),
        {"import_id": import_id},
    )


def keep_day(connection: Connection, import_id: int, sighting_id: int, day: date | None) -> None:
    """Save the day of a sighting that is about to change; None for a new sighting."""
    connection.execute(insert(DayBefore).values(import_id=import_id, sighting_id=sighting_id, day=day))


def _restore_days(connection: Connection, import_id: int) -> None:
    """Restore the days of sightings, and delete the sightings that the import created, to which no finding refers any more."""
    for step in (
        """
        UPDATE sightings SET day = u.day
        FROM undo_days u WHERE u.import_id = :import_id AND u.sighting_id = sightings.id AND u.day IS NOT NULL
        """,
        """
        DELETE FROM sightings WHERE id IN (SELECT sighting_id FROM undo_days WHERE import_id = :import_id AND day IS NULL)
        """,
    ):
        connection.execute(text(step), {"import_id": import_id})


# Assets and definitions


def keep_rows(connection: Connection, table: str, values: tuple[str, ...], differs: str, import_id: int) -> None:
    """Save the rows of ``assets`` or ``definitions`` that their staged rows are about to change.

    :param differs: the condition for a change, of ``excluded`` (the staged row) and the table.
    """
    connection.execute(
        text(f"""
        INSERT INTO undo_{table} (import_id, {table[:-1]}_id, {", ".join(values)})
        SELECT :import_id, {table}.id, {", ".join(f"{table}.{name}" for name in values)}
        FROM staging_{table} AS excluded JOIN {table} ON {table}.id = excluded.{table[:-1]}_id
        WHERE excluded.import_id = :import_id AND ({differs}) ORDER BY {table}.id
        """),
        {"import_id": import_id},
    )


def _restore_rows(connection: Connection, table: str, values: tuple[str, ...], import_id: int) -> None:
    connection.execute(
        text(f"""
        UPDATE {table} SET {", ".join(f"{name} = u.{name}" for name in values)}
        FROM undo_{table} u WHERE u.import_id = :import_id AND u.{table[:-1]}_id = {table}.id
        """),
        {"import_id": import_id},
    )


def _delete_unused(connection: Connection, source_id: int) -> None:
    """Delete the assets and definitions without a finding, with their identifiers and CVEs."""
    for table in ("assets", "definitions"):
        connection.execute(
            text(f"""
            DELETE FROM {table} WHERE source_id = :source_id
               AND NOT EXISTS (SELECT 1 FROM findings f WHERE f.{table[:-1]}_id = {table}.id)
            """),
            {"source_id": source_id},
        )


def keep_identifiers(connection: Connection, import_id: int) -> None:
    """Save the changes in ``added_identifiers`` and ``gone_identifiers``."""
    connection.execute(
        text("""
        INSERT INTO undo_identifiers (import_id, asset_id, kind, value, realm, added, inherited)
        SELECT :import_id, asset_id, kind, value, realm, TRUE, FALSE FROM added_identifiers
        UNION ALL SELECT :import_id, asset_id, kind, value, realm, FALSE, inherited FROM gone_identifiers
        """),
        {"import_id": import_id},
    )


def _restore_identifiers(connection: Connection, import_id: int, source_id: int) -> None:
    for step in (
        """
        DELETE FROM asset_identifiers WHERE source_id = :source_id AND (asset_id, kind, value, realm) IN (
            SELECT asset_id, kind, value, realm FROM undo_identifiers WHERE import_id = :import_id AND added)
        """,
        """
        INSERT INTO asset_identifiers (source_id, kind, value, realm, asset_id, inherited)
        SELECT :source_id, kind, value, realm, asset_id, inherited FROM undo_identifiers WHERE import_id = :import_id AND NOT added
        """,
    ):
        connection.execute(text(step), {"import_id": import_id, "source_id": source_id})


def keep_cves(connection: Connection, import_id: int, newest: int) -> None:
    """Save the changes in the CVEs of the definitions up to the id ``newest``; those above it are new, and deleted with their findings."""
    connection.execute(
        text("""
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
        """),
        {"import_id": import_id, "newest": newest},
    )


def _restore_cves(connection: Connection, import_id: int) -> None:
    for step in (
        """
        DELETE FROM definition_cves WHERE (definition_id, cve) IN (
            SELECT definition_id, cve FROM undo_cves WHERE import_id = :import_id AND added)
        """,
        """
        INSERT INTO definition_cves (definition_id, cve)
        SELECT definition_id, cve FROM undo_cves WHERE import_id = :import_id AND NOT added
        """,
    ):
        connection.execute(text(step), {"import_id": import_id})


# Totals


def keep_totals(connection: Connection, import_id: int, source_id: int, day: date) -> None:
    """Save the totals of a day."""
    connection.execute(
        statement("""
        INSERT INTO undo_totals (import_id, day, severity, open, vpr_sum, opened, resolved, reopened)
        SELECT :import_id, :day, :severity, t.open, t.vpr_sum, t.opened, t.resolved, t.reopened
        FROM (SELECT 1) AS one
        LEFT JOIN daily_totals t ON t.source_id = :source_id AND t.day = :day AND t.severity = :severity
        """),
        [
            {"import_id": import_id, "source_id": source_id, "day": day, "severity": severity.value}
            for severity in Severity
        ],
    )


def _restore_totals(connection: Connection, import_id: int, source_id: int) -> None:
    for step in (
        """
        DELETE FROM daily_totals WHERE source_id = :source_id
           AND (day, severity) IN (SELECT day, severity FROM undo_totals WHERE import_id = :import_id)
        """,
        """
        INSERT INTO daily_totals (source_id, day, severity, open, vpr_sum, opened, resolved, reopened)
        SELECT :source_id, day, severity, open, vpr_sum, opened, resolved, reopened
        FROM undo_totals WHERE import_id = :import_id AND open IS NOT NULL
        """,
    ):
        connection.execute(text(step), {"import_id": import_id, "source_id": source_id})
