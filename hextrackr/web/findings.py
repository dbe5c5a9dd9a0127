"""Findings as the API answers them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, select
from sqlalchemy.orm import Session

from hextrackr.domain.models import Asset, Definition, Finding, Severity, Sighting, Source
from hextrackr.ingest import formats

from . import bounded_answers
from .bounded_answers import shown, text

Filter = ColumnElement[bool]
#: What is read of them: the long texts of a definition, which no list shows, stay where they are.
_COLUMNS: tuple[Any, ...] = (
    Finding.id, Finding.asset_id, Finding.definition_id, Finding.source_id, Finding.severity, Finding.lifecycle, Finding.port,
    Finding.protocol, Finding.vpr, Finding.cvss, Finding.first_seen, Finding.resolved_on, Sighting.day,
    text(Asset.key).label("asset_key"), text(Asset.name), text(Asset.fqdn), text(Asset.netbios), text(Asset.ip),
    text(Definition.key).label("plugin_id"), text(Definition.title), text(Definition.family), Definition.epss, Source.scanner,
    Source.label,
)  # fmt: skip
_ROWS = (
    select(*_COLUMNS)
    .join(Asset, Asset.id == Finding.asset_id)
    .join(Definition, Definition.id == Finding.definition_id)
    .join(Source, Source.id == Finding.source_id)
    .join(Sighting, Sighting.id == Finding.sighting_id)
)


def of_ids(session: Session, ids: Sequence[int]) -> list[dict[str, Any]]:
    """These findings, in this order, as the API answers them."""
    found = {record["id"]: record for record in records(session, Finding.id.in_(ids))} if ids else {}
    return [found[number] for number in ids if number in found]


def records(session: Session, condition: Filter) -> list[dict[str, Any]]:
    """The findings under a condition, as the API answers them."""
    rows = session.execute(_ROWS.where(condition)).all()
    cves = bounded_answers.cves(session, {row.definition_id for row in rows}, bounded_answers.LISTED_CVES)
    return [_record(row, *cves.get(row.definition_id, ([], 0))) for row in rows]


def _record(row: Row[Any], cves: list[str], cves_total: int) -> dict[str, Any]:
    return {
        "id": row.id,
        "severity": Severity(row.severity).name.lower(),
        "state": row.lifecycle,
        "hostId": row.asset_id,
        "definitionId": row.definition_id,
        "sourceId": row.source_id,
        "host": shown(row.name or row.fqdn or row.netbios or row.ip or row.asset_key),
        "fqdn": shown(row.fqdn),
        "ip": shown(row.ip),
        "pluginId": shown(row.plugin_id),
        "title": shown(row.title),
        "family": shown(row.family),
        "cves": cves,
        "cvesTotal": cves_total,
        "port": row.port,
        "protocol": row.protocol,
        "vpr": row.vpr,
        "cvss": row.cvss,
        "epss": row.epss,
        "firstSeen": row.first_seen.isoformat(),
        "lastSeen": row.day.isoformat(),
        "resolvedOn": row.resolved_on.isoformat() if row.resolved_on else None,
        "scanner": row.scanner,
        "scannerName": formats.scanner_name(row.scanner),
        "source": row.label,
    }
