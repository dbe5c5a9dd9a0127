"""Findings grouped by host, definition or CVE, the worst groups first.

What is open as a whole, or of some severities and sources, is grouped from the weights that each import keeps, see :mod:`.weighed`.
Anything else is collected first, as a list is, and no more than a list collects.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, case, func, select
from sqlalchemy.orm import Session

from hextrackr.db.matching import Among
from hextrackr.domain.models import WORST_FIRST, Asset, Definition, DefinitionCve, Finding, Source
from hextrackr.errors import RequestError

from . import leads, weighed
from .bounded_answers import shown, text
from .filters import Filters
from .listing import COLLECTED
from .paging import Page

SUBJECTS = ("host", "definition", "cve")
SORTS = ("weight", "findings", "vpr")
#: So many groups are looked for among those of the worst severity, before all are put in order.
_FIRST = 1_000


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


def page(session: Session, filters: Filters, by: str, sort: str, wanted: Page, pause: Callable[[], Any]) -> Groups:
    """One page of groups.

    :param pause: lets others have their turn.
    :raises RequestError: more match than are collected.
    """
    if weighed.severities(filters):
        first = weighed.worst(by, filters) if sort == "weight" and wanted.offset < _FIRST else None
        rows = [] if first is None else _sorted(session, first, sort, wanted)
        if len(rows) < wanted.limit:
            rows = _sorted(session, weighed.groups(by, filters), sort, wanted)
        return Groups(_answers(session, by, rows), weighed.total(session, by, filters))
    counted = _counted(by, _collected(session, filters, pause))
    rows = _sorted(session, counted, sort, wanted)
    groups = select(func.count()).select_from(counted.subquery())
    return Groups(_answers(session, by, rows), rows[0].groups if rows else session.scalar(groups) or 0)


def _sorted(session: Session, groups: Select[Any], sort: str, wanted: Page) -> Sequence[Any]:
    """The rows of a page; what weighs the same stands in the order in which it came on record."""
    found = groups.subquery("weights")
    counts = [found.c[severity.name.lower()] for severity in WORST_FIRST]
    findings: Any = sum(counts[1:], start=counts[0])
    order = {"weight": counts, "findings": [findings], "vpr": [found.c.vpr_sum]}[sort]
    return session.execute(
        select(found, findings.label("findings"))
        .order_by(*(column.desc() for column in order), found.c.vpr_sum.desc(), found.c.key)
        .limit(wanted.limit)
        .offset(wanted.offset)
    ).all()


def _collected(session: Session, filters: Filters, pause: Callable[[], Any]) -> list[int]:
    """The ids of what matches."""
    filters = filters.looked_up(session, pause)
    ids = list(leads.collect(session, filters, leads.best(session, filters), COLLECTED, pause))
    if len(ids) > COLLECTED:
        raise RequestError(f"More than {COLLECTED:,} findings match: limit the list before it is grouped.")
    return ids


def _counted(by: str, ids: Sequence[int]) -> Select[Any]:
    """Selects what weighs on each group of these findings, and how many ``groups`` there are in all."""
    columns = (Finding.asset_id, Finding.definition_id, Finding.severity, Finding.vpr)
    collected = select(*columns).where(Among(Finding.id, ids)).subquery()
    key: Any = {
        "host": collected.c.asset_id,
        "definition": collected.c.definition_id,
        "cve": DefinitionCve.cve,
    }[by]
    grouped = select(
        key.label("key"),
        *(
            func.count(case((collected.c.severity == severity.value, 1))).label(severity.name.lower())
            for severity in WORST_FIRST
        ),
        func.coalesce(func.sum(collected.c.vpr), 0).label("vpr_sum"),
        func.count().over().label("groups"),
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
            "bySeverity": {severity.name.lower(): getattr(row, severity.name.lower()) for severity in WORST_FIRST},
            "vprSum": round(row.vpr_sum, 1),
        }
        for row in rows
    ]


def _hosts(session: Session, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    names = (text(name) for name in (Asset.name, Asset.fqdn, Asset.netbios, Asset.ip, Asset.key, Asset.os))
    rows = session.execute(
        select(Asset.id, *names, Source.scanner, Source.label.label("label"))
        .join(Source, Source.id == Asset.source_id)
        .where(Asset.id.in_(ids))
    )
    return {
        asset.id: {
            "hostId": asset.id,
            "host": shown(asset.name or asset.fqdn or asset.netbios or asset.ip or asset.key),
            "fqdn": shown(asset.fqdn),
            "ip": shown(asset.ip),
            "os": shown(asset.os),
            "scanner": asset.scanner,
            "source": asset.label,
        }
        for asset in rows
    }


def _definitions(session: Session, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    rows = session.execute(
        select(
            Definition.id,
            text(Definition.key),
            text(Definition.title),
            text(Definition.family),
            Source.scanner,
            Source.label,
        )
        .join(Source, Source.id == Definition.source_id)
        .where(Definition.id.in_(ids))
    )
    names = ("pluginId", "title", "family", "scanner", "source")
    return {
        number: {"definitionId": number, **dict(zip(names, map(shown, told), strict=True))} for number, *told in rows
    }


def _cves(session: Session, cves: Sequence[str]) -> dict[str, dict[str, Any]]:
    """With a title, of those that its definitions have; each title is read once, whatever names it."""
    naming: dict[str, list[int]] = {cve: [] for cve in cves}
    pairs = select(DefinitionCve.cve, DefinitionCve.definition_id).where(DefinitionCve.cve.in_(cves))
    for cve, number in session.execute(pairs):
        naming[cve].append(number)
    ids = {number for numbers in naming.values() for number in numbers}
    titled = select(Definition.id, text(Definition.title)).where(Among(Definition.id, sorted(ids)))
    titles: dict[int, str] = {number: title for number, title in session.execute(titled)}
    return {
        cve: {
            "cve": cve,
            "title": shown(min(titles[number] for number in numbers)),
            "definitions": len(numbers),
        }
        for cve, numbers in naming.items()
        if numbers
    }


_TOLD: dict[str, Any] = {"host": _hosts, "definition": _definitions, "cve": _cves}


def _chosen(name: str, word: str, known: Sequence[str]) -> str:
    if word not in known:
        raise RequestError(f"{name} must be one of {', '.join(known)}.")
    return word
