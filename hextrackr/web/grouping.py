"""Findings grouped by host, definition or CVE, the worst groups first.

What is open as a whole, or of some severities and sources, is grouped from the weights that each import keeps. Anything else is collected
first, as a list is, and no more than a list collects.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, select, union
from sqlalchemy.orm import Session

from hextrackr.errors import RequestError
from hextrackr.models import Asset, AssetWeight, Definition, DefinitionCve, DefinitionWeight, Finding, Source
from hextrackr.models.findings import OPEN_GRADE, Severity

from .filters import Filters
from .listing import COLLECTED
from .paging import Page

SUBJECTS = ("host", "definition", "cve")
SORTS = ("weight", "findings", "vpr")
_WORST_FIRST = sorted(Severity, reverse=True)


@dataclass(frozen=True)
class Groups:
    """A page of groups, as the API answers them, and how many there are in all."""

    groups: list[dict[str, Any]]
    total: int


def subject(arguments: Mapping[str, str]) -> str:
    """What ``by`` asks to group by.

    :raises RequestError: none that exists.
    """
    return _chosen("by", arguments.get("by", "host"), SUBJECTS)


def sort(arguments: Mapping[str, str]) -> str:
    """What ``sort`` asks for: ``weight`` is the number of critical ones, then of high ones, and so on.

    :raises RequestError: none that exists.
    """
    return _chosen("sort", arguments.get("sort", "weight"), SORTS)


def page(session: Session, filters: Filters, by: str, sort: str, wanted: Page) -> Groups:
    """One page of groups.

    :raises RequestError: more match than are collected.
    """
    filters = filters.looked_up(session)
    kept = _kept(filters, by)
    weights = (_weights(by, filters, kept) if kept else _counted(session, by, filters)).cte("weights")
    counts = [weights.c[severity.name.lower()] for severity in _WORST_FIRST]
    findings: Any = sum(counts[1:], start=counts[0])
    order = {"weight": counts, "findings": [findings], "vpr": [weights.c.vpr_sum]}[sort]
    groups = select(func.count()).select_from(weights).where(findings > 0).scalar_subquery()
    # What weighs the same stands in the order in which it came on record.
    rows = session.execute(
        select(weights, findings.label("findings"), groups.label("groups"))
        .where(findings > 0)
        .order_by(*(column.desc() for column in order), weights.c.vpr_sum.desc(), weights.c.key)
        .limit(wanted.limit)
        .offset(wanted.offset)
    ).all()
    total = rows[0].groups if rows else session.scalar(select(groups)) or 0
    return Groups(_answers(session, by, rows), total)


def _kept(filters: Filters, by: str) -> list[Severity] | None:
    """The severities of which all that is open is asked for, if the weights tell that; VPR is kept for all of them together only."""
    chosen = [severity for severity in Severity if {OPEN_GRADE + severity, 2 * OPEN_GRADE + severity} & filters.grades]
    whole = {OPEN_GRADE * state + severity for severity in chosen for state in (1, 2)}
    return chosen if filters.is_plain and filters.grades == whole else None


def _weights(by: str, filters: Filters, severities: Sequence[Severity]) -> Select[Any]:
    weight: Any = AssetWeight if by == "host" else DefinitionWeight
    number: Any = AssetWeight.asset_id if by == "host" else DefinitionWeight.definition_id
    subject: Any = Asset if by == "host" else Definition
    columns = [
        (getattr(weight, severity.name.lower()) if severity in severities else weight.info * 0)
        for severity in _WORST_FIRST
    ]
    key, summed = (DefinitionCve.cve, func.sum) if by == "cve" else (number, lambda column: column)
    wanted = select(
        key.label("key"),
        *(summed(column).label(severity.name.lower()) for column, severity in zip(columns, _WORST_FIRST, strict=True)),
        summed(weight.vpr_sum if len(severities) == len(Severity) else weight.vpr_sum * 0).label("vpr_sum"),
    )
    if by == "cve":
        wanted = wanted.join(DefinitionCve, DefinitionCve.definition_id == number).group_by(key)
    if filters.sources is not None:
        wanted = wanted.join(subject, subject.id == number).where(subject.source_id.in_(sorted(filters.sources)))
    return wanted


def _counted(session: Session, by: str, filters: Filters) -> Select[Any]:
    columns = (Finding.id, Finding.asset_id, Finding.definition_id, Finding.severity, Finding.vpr)
    parts = [each.limit(COLLECTED + 1).subquery() for each in filters.selecting(*columns)]
    collected: Any = union(*(select(part) for part in parts)).limit(COLLECTED + 1).subquery()
    if (session.scalar(select(func.count()).select_from(collected)) or 0) > COLLECTED:
        raise RequestError(f"More than {COLLECTED:,} findings match: limit the list before it is grouped.")
    key: ColumnElement[Any] = {
        "host": collected.c.asset_id,
        "definition": collected.c.definition_id,
        "cve": DefinitionCve.cve,
    }[by]
    grouped = select(
        key.label("key"),
        *(
            func.count(case((collected.c.severity == severity.value, 1))).label(severity.name.lower())
            for severity in _WORST_FIRST
        ),
        func.coalesce(func.sum(collected.c.vpr), 0).label("vpr_sum"),
    ).group_by(key)
    if by == "cve":
        return grouped.join(DefinitionCve, DefinitionCve.definition_id == collected.c.definition_id)
    return grouped


def _answers(session: Session, by: str, rows: Sequence[Any]) -> list[dict[str, Any]]:
    told = _TOLD[by](session, [row.key for row in rows])
    return [
        {
            **told[row.key],
            "findings": row.findings,
            "bySeverity": {severity.name.lower(): getattr(row, severity.name.lower()) for severity in _WORST_FIRST},
            "vprSum": round(row.vpr_sum, 1),
        }
        for row in rows
    ]


def _hosts(session: Session, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    rows = session.execute(select(Asset, Source).join(Source, Source.id == Asset.source_id).where(Asset.id.in_(ids)))
    return {
        asset.id: {
            "hostId": asset.id,
            "host": asset.name or asset.fqdn or asset.netbios or asset.ip or asset.key,
            "fqdn": asset.fqdn,
            "ip": asset.ip,
            "os": asset.os,
            "scanner": source.scanner,
            "source": source.label,
        }
        for asset, source in rows
    }


def _definitions(session: Session, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    rows = session.execute(
        select(Definition.id, Definition.key, Definition.title, Definition.family, Source.scanner, Source.label)
        .join(Source, Source.id == Definition.source_id)
        .where(Definition.id.in_(ids))
    )
    names = ("pluginId", "title", "family", "scanner", "source")
    return {number: {"definitionId": number, **dict(zip(names, told, strict=True))} for number, *told in rows}


def _cves(session: Session, cves: Sequence[str]) -> dict[str, dict[str, Any]]:
    """With a title, of those that its definitions have."""
    rows = session.execute(
        select(DefinitionCve.cve, func.min(Definition.title), func.count())
        .join(Definition, Definition.id == DefinitionCve.definition_id)
        .where(DefinitionCve.cve.in_(cves))
        .group_by(DefinitionCve.cve)
    )
    return {cve: {"cve": cve, "title": title, "definitions": definitions} for cve, title, definitions in rows}


_TOLD: dict[str, Any] = {"host": _hosts, "definition": _definitions, "cve": _cves}


def _chosen(name: str, word: str, known: Sequence[str]) -> str:
    if word not in known:
        raise RequestError(f"{name} must be one of {', '.join(known)}.")
    return word
