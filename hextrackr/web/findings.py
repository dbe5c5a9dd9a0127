"""The query behind the list of findings: filters, order, and rows as the API answers them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from hextrackr.errors import RequestError
from hextrackr.models import Asset, Definition, DefinitionCve, Finding, Source, StateTotal
from hextrackr.models.findings import Lifecycle, Severity

from .paging import Page

Filter = ColumnElement[bool]

_OPEN = (Lifecycle.ACTIVE.value, Lifecycle.REOPENED.value)
_STATES = {"open": _OPEN, **{state.value: (state.value,) for state in Lifecycle}}
_SEVERITIES = {severity.name.lower(): severity.value for severity in Severity}
_SORTS = {
    "severity": (Finding.severity, Finding.vpr),
    "vpr": (Finding.vpr,),
    "cvss": (Finding.cvss,),
    "firstSeen": (Finding.first_seen,),
    "lastSeen": (Finding.last_seen,),
}


def filters(arguments: Mapping[str, str]) -> list[Filter]:
    """The conditions that ``severity``, ``state`` and ``search`` ask for.

    :raises RequestError: a severity or state that does not exist.
    """
    conditions = _of_state(arguments, Finding.severity, Finding.lifecycle)
    search = arguments.get("search", "").strip()
    if search:
        conditions.append(_found(search))
    return conditions


def total(session: Session, arguments: Mapping[str, str]) -> int:
    """How many findings these arguments ask for; only a search has to count them."""
    if arguments.get("search", "").strip():
        return session.scalar(select(func.count()).select_from(Finding).where(*filters(arguments))) or 0
    conditions = _of_state(arguments, StateTotal.severity, StateTotal.lifecycle)
    return session.scalar(select(func.coalesce(func.sum(StateTotal.findings), 0)).where(*conditions)) or 0


def ordering(arguments: Mapping[str, str]) -> list[ColumnElement[Any]]:
    """The order that ``sort`` and ``order`` ask for; the worst first by default, and always one and the same for equals.

    :raises RequestError: an order that does not exist.
    """
    sort, order = arguments.get("sort", "severity"), arguments.get("order", "desc")
    if sort not in _SORTS or order not in ("asc", "desc"):
        raise RequestError(f"sort must be one of {', '.join(_SORTS)}, and order asc or desc.")
    columns = (*_SORTS[sort], Finding.id)
    return [column.desc() if order == "desc" else column.asc() for column in columns]


def page(
    session: Session, conditions: Iterable[Filter], order: Iterable[ColumnElement[Any]], wanted: Page
) -> list[dict[str, Any]]:
    """One page of findings, as the API answers them."""
    # The page is cut from the findings alone, and only its rows are joined with what they refer to.
    cut = select(Finding.id).where(*conditions).order_by(*order).limit(wanted.limit).offset(wanted.offset)
    return records(session, Finding.id.in_(cut.scalar_subquery()), order)


def records(session: Session, condition: Filter, order: Iterable[ColumnElement[Any]] = ()) -> list[dict[str, Any]]:
    """The findings under a condition, as the API answers them."""
    rows = session.execute(
        select(Finding, Asset, Definition, Source)
        .join(Asset, Asset.id == Finding.asset_id)
        .join(Definition, Definition.id == Finding.definition_id)
        .join(Source, Source.id == Finding.source_id)
        .where(condition)
        .order_by(*order)
    ).all()
    cves = _cves(session, {row.Definition.id for row in rows})
    return [
        _record(row.Finding, row.Asset, row.Definition, row.Source, cves.get(row.Definition.id, [])) for row in rows
    ]


def _of_state(arguments: Mapping[str, str], severity: Any, lifecycle: Any) -> list[Filter]:
    conditions: list[Filter] = []
    severities = _chosen(arguments, "severity", _SEVERITIES)
    if severities:
        conditions.append(severity.in_(severities))
    states = _chosen(arguments, "state", _STATES)
    if states:
        conditions.append(lifecycle.in_({state for group in states for state in group}))
    return conditions


def _chosen(arguments: Mapping[str, str], name: str, known: Mapping[str, Any]) -> list[Any]:
    words = [word.strip().lower() for word in arguments.get(name, "").split(",") if word.strip()]
    if any(word not in known for word in words):
        raise RequestError(f"{name} must be one or several of {', '.join(known)}.")
    return [known[word] for word in words]


def _found(search: str) -> Filter:
    pattern = "%" + search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"

    def like(column: Any) -> Filter:
        found: Filter = column.ilike(pattern, escape="\\")
        return found

    assets = select(Asset.id).where(
        or_(*(like(column) for column in (Asset.name, Asset.fqdn, Asset.netbios, Asset.ip)))
    )
    definitions = select(Definition.id).where(or_(like(Definition.title), Definition.key == search))
    with_cve = select(DefinitionCve.definition_id).where(like(DefinitionCve.cve))
    return or_(
        Finding.asset_id.in_(assets), Finding.definition_id.in_(definitions), Finding.definition_id.in_(with_cve)
    )


def _cves(session: Session, definitions: set[int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    rows = select(DefinitionCve).where(DefinitionCve.definition_id.in_(definitions)).order_by(DefinitionCve.cve)
    for row in session.scalars(rows):
        found.setdefault(row.definition_id, []).append(row.cve)
    return found


def _record(finding: Finding, asset: Asset, definition: Definition, source: Source, cves: list[str]) -> dict[str, Any]:
    return {
        "id": finding.id,
        "severity": Severity(finding.severity).name.lower(),
        "state": finding.lifecycle,
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
        "lastSeen": finding.last_seen.isoformat(),
        "resolvedOn": finding.resolved_on.isoformat() if finding.resolved_on else None,
        "scanner": source.scanner,
        "source": source.label,
    }
