"""One host, one definition, one CVE: what is known of it, what is open, how that came about, and by which imports."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from typing import Any

from flask import Blueprint
from sqlalchemy import ColumnElement, case, func, select

from hextrackr.domain.models import (
    WORST_FIRST,
    Asset,
    Definition,
    DefinitionCve,
    Finding,
    FindingChange,
    Import,
    Lifecycle,
    Source,
)
from hextrackr.errors import NotFound
from hextrackr.extensions import db
from hextrackr.ingest import formats

from . import bounded_answers
from .bounded_answers import shown, text

blueprint = Blueprint("subjects", __name__, url_prefix="/api")

_Condition = ColumnElement[bool]
#: Of how many findings at most it is told how they came about.
MOST_TOLD = 20_000


@blueprint.get("/hosts/<int:host_id>")
def host(host_id: int) -> dict[str, Any]:
    """A host as one source knows it."""
    asset = db.session.get(Asset, host_id)
    if asset is None:
        raise NotFound("There is no host with this number.", "UNKNOWN_HOST")
    return {**of_asset(asset), **_told(Finding.asset_id == host_id)}


@blueprint.get("/definitions/<int:definition_id>")
def definition(definition_id: int) -> dict[str, Any]:
    """A definition as one source reports it."""
    found = db.session.get(Definition, definition_id)
    if found is None:
        raise NotFound("There is no definition with this number.", "UNKNOWN_DEFINITION")
    return {**of_definition(found), **_told(Finding.definition_id == definition_id)}


@blueprint.get("/cves/<cve>")
def one_cve(cve: str) -> dict[str, Any]:
    """A CVE with the definitions of all sources that name it."""
    subject = of_cve(cve)
    if not subject["definitions"]:
        raise NotFound("No finding on record has this CVE.", "UNKNOWN_CVE")
    return {
        **subject,
        **_told(Finding.definition_id.in_(_naming(cve))),
    }


def of_asset(asset: Asset) -> dict[str, Any]:
    """What is known of a host, without its findings."""
    return {
        "hostId": asset.id,
        "host": asset.name or asset.fqdn or asset.netbios or asset.ip or asset.key,
        "fqdn": asset.fqdn,
        "netbios": asset.netbios,
        "ip": asset.ip,
        "os": asset.os,
        "details": json.loads(asset.details or "{}"),
        **_source(asset.source_id),
    }


def of_definition(found: Definition) -> dict[str, Any]:
    """What is known of a definition, without its findings."""
    cves, total = bounded_answers.cves(db.session, [found.id], bounded_answers.CVES).get(found.id, ([], 0))
    return {
        **_definition(found),
        "description": found.description,
        "solution": found.solution,
        "seeAlso": found.see_also,
        "cvssVector": found.cvss_vector,
        "published": found.published.isoformat() if found.published else None,
        "updated": found.updated.isoformat() if found.updated else None,
        "cves": cves,
        "cvesTotal": total,
        "details": json.loads(found.details or "{}"),
        **_source(found.source_id),
    }


def of_cve(cve: str) -> dict[str, Any]:
    """A CVE and the definitions that name it, without their findings; there are none for a CVE that is not on record."""
    named = Definition.id.in_(_naming(cve))
    columns = (Definition.id, Definition.source_id, Definition.cvss, Definition.vpr, Definition.epss)
    texts = (text(Definition.key), text(Definition.title), text(Definition.family))
    definitions = db.session.execute(
        select(*columns, *texts).where(named).order_by(Definition.id).limit(bounded_answers.ENTRIES)
    ).all()
    total = db.session.scalar(select(func.count()).select_from(Definition).where(named))
    return {
        "cve": cve.upper(),
        "definitions": [{**_definition(found, shown), **_source(found.source_id)} for found in definitions],
        "definitionsTotal": total,
    }


def _naming(cve: str) -> Any:
    """Selects the ids of the definitions that name a CVE."""
    return select(DefinitionCve.definition_id).where(DefinitionCve.cve == cve.upper())


def _definition(found: Any, written: Callable[[Any], Any] = lambda value: value) -> dict[str, Any]:
    return {
        "definitionId": found.id,
        "pluginId": written(found.key),
        "title": written(found.title),
        "family": written(found.family),
        "cvss": found.cvss,
        "vpr": found.vpr,
        "epss": found.epss,
    }


def _source(source_id: int) -> dict[str, Any]:
    source = db.session.get_one(Source, source_id)
    return {
        "sourceId": source.id,
        "scanner": source.scanner,
        "scannerName": formats.scanner_name(source.scanner),
        "source": source.label,
    }


def _told(condition: _Condition) -> dict[str, Any]:
    """What is open under a condition, on how many hosts, and what each import did to it."""
    severity = Finding.severity
    counts = (func.count(case((severity == each.value, 1))) for each in WORST_FIRST)
    total, hosts, vpr, first, *open_counts = db.session.execute(
        select(
            func.count(),
            func.count(Finding.asset_id.distinct()),
            func.coalesce(func.sum(Finding.vpr), 0),
            func.min(Finding.first_seen),
            *counts,
        ).where(condition, Finding.lifecycle != Lifecycle.RESOLVED)
    ).one()
    return {
        "open": total,
        "openHosts": hosts,
        "vprSum": round(vpr or 0.0, 1),
        "oldest": first.isoformat() if first else None,
        "bySeverity": {each.name.lower(): number for each, number in zip(WORST_FIRST, open_counts, strict=True)},
        "history": _history(condition),
    }


def _history(condition: _Condition) -> list[dict[str, Any]] | None:
    """What each import opened, resolved and reopened, and how many stood open after it, the oldest first; None for too many findings."""
    some = select(Finding.id).where(condition).limit(MOST_TOLD + 1).subquery()
    if (db.session.scalar(select(func.count()).select_from(some)) or 0) > MOST_TOLD:
        return None
    figures: dict[int, dict[str, int]] = {}
    for number, kind, count in [*_opened(condition), *_changes(condition)]:
        of_import = figures.setdefault(number, {"opened": 0, "resolved": 0, "reopened": 0, "changed": 0})
        of_import[kind] += count
    imports = db.session.execute(
        select(Import.id, Import.filename, Import.scan_date, Import.place).where(Import.id.in_(figures))
    ).all()
    history, is_open = [], 0
    for row in sorted(imports, key=lambda row: (row.scan_date or date.min, row.place or 0, row.id)):
        told = figures[row.id]
        is_open += told["opened"] + told["reopened"] - told["resolved"]
        day = row.scan_date.isoformat() if row.scan_date else None
        history.append({"importId": row.id, "filename": row.filename, "day": day, **told, "open": is_open})
    return history


def _opened(condition: _Condition) -> list[Any]:
    """Import, ``opened``, number; what was resolved when it came on record was never open."""
    first = (
        select(FindingChange.lifecycle_before)
        .join(Import, Import.id == FindingChange.import_id)
        .where(FindingChange.finding_id == Finding.id)
        .order_by(Import.place, Import.id)
        .limit(1)
        .correlate(Finding)
        .scalar_subquery()
    )
    was_open = func.coalesce(first, Finding.lifecycle) != Lifecycle.RESOLVED
    rows = (
        select(Finding.opened_by, func.count())
        .where(condition, Finding.opened_by.is_not(None), was_open)
        .group_by(Finding.opened_by)
    )
    return [(number, "opened", count) for number, count in db.session.execute(rows)]


def _changes(condition: _Condition) -> list[Any]:
    """Import, kind, number. What had been reopened and is reopened again was open before."""
    was_open = FindingChange.lifecycle_before != Lifecycle.RESOLVED
    kind = case(
        (FindingChange.kind == "reopened", case((was_open, "changed"), else_="reopened")), else_=FindingChange.kind
    )
    rows = (
        select(FindingChange.import_id, kind, func.count())
        .join(Finding, Finding.id == FindingChange.finding_id)
        .where(condition)
        .group_by(FindingChange.import_id, kind)
    )
    return list(db.session.execute(rows))
