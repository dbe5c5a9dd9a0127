"""Takes back the latest import of a source: one transaction, after which everything is as it was before that import."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import Connection, Engine, Select, func, or_, select, text, update

from hextrackr.db.dialects import lock_source
from hextrackr.errors import NOT_LATEST, Conflict

from . import details, evidence, record_version, totals, weights
from .fields import FINDING, HOST, VULNERABILITY, listed, names
from .id_range import ADDED
from .models import (
    BLOCK,
    AssetBefore,
    CveBefore,
    DateOrigin,
    DayBefore,
    DefinitionBefore,
    DetailsBefore,
    EvidenceBefore,
    FindingBefore,
    IdentifierBefore,
    Import,
    ImportState,
    SightingBefore,
    Source,
    TotalBefore,
)

#: So many imports of a source can be taken back, one after the other.
DEPTH = 3
#: Where the values before are kept.
TABLES = (
    FindingBefore,
    SightingBefore,
    DayBefore,
    AssetBefore,
    IdentifierBefore,
    DefinitionBefore,
    CveBefore,
    TotalBefore,
    EvidenceBefore,
    DetailsBefore,
)

_RESTORE_FINDINGS = f"""
    UPDATE findings SET
        first_seen = coalesce(u.first_seen, findings.first_seen),
        port = coalesce(u.port, findings.port),
        protocol = coalesce(u.protocol, findings.protocol),
        severity = CASE WHEN u.lifecycle IS NULL THEN findings.severity ELSE u.severity END,
        {listed(FINDING, "{name} = CASE WHEN u.lifecycle IS NULL THEN findings.{name} ELSE u.{name} END")},
        lifecycle = coalesce(u.lifecycle, findings.lifecycle),
        resolved_on = CASE WHEN u.lifecycle IS NULL THEN findings.resolved_on ELSE u.resolved_on END
    FROM undo_findings u WHERE u.import_id = :import_id AND u.finding_id = findings.id
"""
_RESTORE_SIGHTINGS = f"""
    UPDATE findings SET sighting_id = u.sighting_id
    FROM undo_sightings u
    WHERE u.import_id = :import_id AND findings.id BETWEEN u.block * {BLOCK} AND u.block * {BLOCK} + {BLOCK - 1}
      AND (u.findings >> (findings.id - u.block * {BLOCK})) & 1 = 1
"""
_RESTORE_DAYS = """
    UPDATE sightings SET day = u.day
    FROM undo_days u WHERE u.import_id = :import_id AND u.sighting_id = sightings.id AND u.day IS NOT NULL
"""
_DROP_DAYS = """
    DELETE FROM sightings WHERE id IN (SELECT sighting_id FROM undo_days WHERE import_id = :import_id AND day IS NULL)
"""
#: Its changes go with a finding, and its CVEs with a definition. A late scan closes what it adds in a later import's name.
_DELETE_INSERTED = f"DELETE FROM findings WHERE {ADDED}"
_DELETE_CHANGES = "DELETE FROM finding_changes WHERE import_id = :import_id"
_DELETE_ORPHANS = """
    DELETE FROM {table} WHERE source_id = :source_id
       AND NOT EXISTS (SELECT 1 FROM findings f WHERE f.{column} = {table}.id)
"""
_DROP_CVES = """
    DELETE FROM definition_cves WHERE (definition_id, cve) IN (
        SELECT definition_id, cve FROM undo_cves WHERE import_id = :import_id AND added)
"""
_RESTORE_CVES = """
    INSERT INTO definition_cves (definition_id, cve)
    SELECT definition_id, cve FROM undo_cves WHERE import_id = :import_id AND NOT added
"""
_DROP_IDENTIFIERS = """
    DELETE FROM asset_identifiers WHERE source_id = :source_id AND (asset_id, kind, value, realm) IN (
        SELECT asset_id, kind, value, realm FROM undo_identifiers WHERE import_id = :import_id AND added)
"""
_RESTORE_IDENTIFIERS = """
    INSERT INTO asset_identifiers (source_id, kind, value, realm, asset_id, inherited)
    SELECT :source_id, kind, value, realm, asset_id, inherited FROM undo_identifiers WHERE import_id = :import_id AND NOT added
"""
_DROP_TOTALS = """
    DELETE FROM daily_totals WHERE source_id = :source_id
       AND (day, severity) IN (SELECT day, severity FROM undo_totals WHERE import_id = :import_id)
"""
_RESTORE_TOTALS = """
    INSERT INTO daily_totals (source_id, day, severity, open, vpr_sum, opened, resolved, reopened)
    SELECT :source_id, day, severity, open, vpr_sum, opened, resolved, reopened
    FROM undo_totals WHERE import_id = :import_id AND open IS NOT NULL
"""


def take_back(engine: Engine, import_id: int) -> None:
    """Undo an import.

    :raises Conflict: ``NOT_LATEST``: it is not the latest import of its source that changed something, or too long ago.
    """
    with engine.execution_options(durable=True).begin() as connection:
        source_id = connection.execute(select(Import.source_id).where(Import.id == import_id)).scalar_one_or_none()
        if source_id is not None:
            lock_source(connection, source_id)
        if source_id is None or import_id != latest(connection, source_id):
            raise Conflict("Only the latest import of a source can be undone.", NOT_LATEST)
        ids = {"import_id": import_id, "source_id": source_id}
        weights.take_back(connection, import_id)
        for statement in (
            _RESTORE_FINDINGS, evidence.RESTORE, _RESTORE_SIGHTINGS, _DELETE_INSERTED, _DELETE_CHANGES, _RESTORE_DAYS, _DROP_DAYS,
            _DELETE_ORPHANS.format(table="assets", column="asset_id"),
            _DELETE_ORPHANS.format(table="definitions", column="definition_id"),
            _restore("assets", names(HOST)), _restore("definitions", names(VULNERABILITY)),
            _DROP_IDENTIFIERS, _RESTORE_IDENTIFIERS, *details.RESTORE, _DROP_CVES, _RESTORE_CVES, _DROP_TOTALS, _RESTORE_TOTALS,
        ):  # fmt: skip
            connection.execute(text(statement), ids)
        totals.count(connection, source_id)
        connection.execute(update(Import).where(Import.id == import_id).values(undone_at=int(time.time() * 1000)))
        newest = connection.execute(select(func.max(Import.scan_date)).where(*dated(source_id))).scalar_one()
        connection.execute(update(Source).where(Source.id == source_id).values(last_scan_date=newest))
        record_version.increment(connection, import_id)


def standing(source_id: int) -> tuple[Any, ...]:
    """The conditions for the imports that make up the record of a source."""
    return (
        Import.source_id == source_id,
        Import.state == ImportState.COMPLETED,
        Import.place.is_not(None),
        Import.undone_at.is_(None),
    )


def dated(source_id: int) -> tuple[Any, ...]:
    """The conditions for those of these imports whose date is not that of the import for want of anything better."""
    known = or_(Import.scan_date_from.is_(None), Import.scan_date_from != DateOrigin.TODAY)
    return (*standing(source_id), known)


def latest_of(source_id: int, *columns: Any) -> Select[Any]:
    """Selects these columns of the latest of the imports that make up the record of a source."""
    return select(*columns).where(*standing(source_id)).order_by(Import.place.desc()).limit(1)


def next_place(connection: Connection, source_id: int) -> int:
    """The place of the next import in the order in which those of a source are promoted."""
    highest = connection.execute(select(func.max(Import.place)).where(Import.source_id == source_id)).scalar_one()
    return (highest or 0) + 1


def latest(connection: Connection, source_id: int) -> int | None:
    """The import of a source that can be undone."""
    kept_from = next_place(connection, source_id) - DEPTH
    found = connection.execute(latest_of(source_id, Import.id, Import.place)).one_or_none()
    return found.id if found is not None and found.place >= kept_from else None


def _restore(table: str, values: tuple[str, ...]) -> str:
    return f"""
        UPDATE {table} SET {", ".join(f"{name} = u.{name}" for name in values)}
        FROM undo_{table} u WHERE u.import_id = :import_id AND u.{table[:-1]}_id = {table}.id
    """
