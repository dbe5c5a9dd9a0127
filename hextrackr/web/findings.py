"""Findings as the API answers them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from hextrackr.importing import formats
from hextrackr.models import Asset, Definition, DefinitionCve, Finding, Sighting, Source
from hextrackr.models.findings import Severity

Filter = ColumnElement[bool]


def of_ids(session: Session, ids: Sequence[int]) -> list[dict[str, Any]]:
    """These findings, in this order, as the API answers them."""
    found = {record["id"]: record for record in records(session, Finding.id.in_(ids))} if ids else {}
    return [found[number] for number in ids if number in found]


def records(session: Session, condition: Filter) -> list[dict[str, Any]]:
    """The findings under a condition, as the API answers them."""
    rows = session.execute(
        select(Finding, Asset, Definition, Source, Sighting.day)
        .join(Asset, Asset.id == Finding.asset_id)
        .join(Definition, Definition.id == Finding.definition_id)
        .join(Source, Source.id == Finding.source_id)
        .join(Sighting, Sighting.id == Finding.sighting_id)
        .where(condition)
    ).all()
    cves = _cves(session, {row.Definition.id for row in rows})
    return [
        _record(row.Finding, row.Asset, row.Definition, row.Source, row.day, cves.get(row.Definition.id, []))
        for row in rows
    ]


def _cves(session: Session, definitions: set[int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    rows = select(DefinitionCve).where(DefinitionCve.definition_id.in_(definitions)).order_by(DefinitionCve.cve)
    for row in session.scalars(rows):
        found.setdefault(row.definition_id, []).append(row.cve)
    return found


def _record(
    finding: Finding, asset: Asset, definition: Definition, source: Source, last_seen: date, cves: list[str]
) -> dict[str, Any]:
    return {
        "id": finding.id,
        "severity": Severity(finding.severity).name.lower(),
        "state": finding.lifecycle,
        "hostId": asset.id,
        "definitionId": definition.id,
        "sourceId": source.id,
        "host": asset.name or asset.fqdn or asset.netbios or asset.ip or asset.key,
        "fqdn": asset.fqdn,
        "ip": asset.ip,
        "pluginId": definition.key,
        "title": definition.title,
        "family": definition.family,
        "cves": cves,
        "port": finding.port,
        "protocol": finding.protocol,
        "vpr": finding.vpr,
        "cvss": finding.cvss,
        "epss": definition.epss,
        "firstSeen": finding.first_seen.isoformat(),
        "lastSeen": last_seen.isoformat(),
        "resolvedOn": finding.resolved_on.isoformat() if finding.resolved_on else None,
        "scanner": source.scanner,
        "scannerName": formats.scanner_name(source.scanner),
        "source": source.label,
    }
