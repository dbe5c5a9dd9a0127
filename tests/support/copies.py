"""The expected content of the copy of a record: plain SQL on the record itself."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import Connection

from hextrackr.readmodel import schema
from tests.support import databases

_FINDINGS = """
    SELECT f.id, source_id, asset_id, definition_id, port, protocol, severity, vpr, cvss, first_seen,
           CASE WHEN lifecycle <> 'resolved' AND s.retired_on IS NOT NULL THEN 'retired' ELSE lifecycle END,
           CASE WHEN lifecycle <> 'resolved' AND s.retired_on IS NULL THEN 1 ELSE 0 END,
           resolved_on, opened_by, sighting_id, evidence_id
    FROM findings f JOIN sources s ON s.id = f.source_id
"""
#: Table of the copy -> the rows that it must have. Texts to which nothing refers may be missing or not.
ORACLE = {
    "source": """
        SELECT s.id, scanner, coalesce(m.name, ''), label, last_scan_date, retired_on
        FROM sources s LEFT JOIN saved_mappings m ON 'custom-' || m.id = scanner
    """,
    "source_alias": "SELECT source_id, scanner, label FROM source_aliases",
    "import": """
        SELECT id, source_id, filename, scan_date, mode, place, finished_at FROM imports
        WHERE state = 'completed' AND undone_at IS NULL
    """,
    "sighting": "SELECT id, source_id, day FROM sightings",
    "daily_total": "SELECT source_id, day, severity, open, vpr_sum, opened, resolved, reopened FROM daily_totals",
    "host_row": "SELECT id, source_id, key, name, fqdn, netbios, ip, os, last_seen, details FROM assets",
    "host_identifier": "SELECT asset_id, source_id, kind, value, realm FROM asset_identifiers",
    "definition_row": """
        SELECT id, source_id, key, title, family, description, solution, see_also, cvss_vector, cvss, vpr, epss, published, updated,
               details
        FROM definitions
    """,
    "definition_cve": "SELECT definition_id, cve FROM definition_cves",
    "finding": _FINDINGS,
    "finding_change": """
        SELECT import_id, finding_id, kind, day, severity, vpr, cvss, severity_before, vpr_before, cvss_before, lifecycle_before
        FROM finding_changes
    """,
    "evidence": "SELECT id, text FROM evidence WHERE id IN (SELECT evidence_id FROM findings)",
}


def expected(connection: Connection) -> dict[str, list[tuple[Any, ...]]]:
    """The rows that each table of the copy must have, in an order of their own."""
    return {table: _sorted(databases.rows(connection, statement)) for table, statement in ORACLE.items()}


def found(connection: Any) -> dict[str, list[tuple[Any, ...]]]:
    """The rows that it has, in the same order."""
    tables = {
        table.name: connection.cursor().execute(f'SELECT * FROM "{table.name}"').fetchall() for table in schema.TABLES
    }
    referred = {row[-1] for row in tables["finding"]}
    tables["evidence"] = [row for row in tables["evidence"] if row[0] in referred]
    return {name: _sorted([tuple(map(_plain, row)) for row in rows]) for name, rows in tables.items()}


def _sorted(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return sorted(rows, key=repr)


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    return int(value) if isinstance(value, bool) else value
