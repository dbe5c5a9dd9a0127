"""Groups of what is open as a whole, or of some severities and sources, from the weights that each import keeps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from hextrackr.domain.models import (
    OPEN_GRADE,
    WORST_FIRST,
    Asset,
    AssetWeight,
    Definition,
    DefinitionCve,
    DefinitionWeight,
    Severity,
)

from . import kept
from .filters import Filters


def severities(filters: Filters) -> list[Severity]:
    """The severities of which all that is open is asked for, the worst first; none if it is not that which is asked for."""
    chosen = [severity for severity in WORST_FIRST if set(_grades(severity)) & filters.grades]
    whole = {grade for severity in chosen for grade in _grades(severity)}
    return chosen if filters.is_plain and filters.grades == whole else []


def groups(by: str, filters: Filters) -> Select[Any]:
    """Selects what weighs on each group, with its ``key``; VPR is kept for all severities together only."""
    weight: Any = AssetWeight if by == "host" else DefinitionWeight
    number: Any = AssetWeight.asset_id if by == "host" else DefinitionWeight.definition_id
    subject: Any = Asset if by == "host" else Definition
    chosen = severities(filters)
    counts = {severity: getattr(weight, severity.name.lower()) for severity in WORST_FIRST}
    key, summed = (DefinitionCve.cve, func.sum) if by == "cve" else (number, lambda column: column)
    found = select(
        key.label("key"),
        *(
            summed(column if severity in chosen else column * 0).label(severity.name.lower())
            for severity, column in counts.items()
        ),
        summed(weight.vpr_sum if len(chosen) == len(Severity) else weight.vpr_sum * 0).label("vpr_sum"),
    ).select_from(weight)
    if by == "cve":
        found = found.join(DefinitionCve, DefinitionCve.definition_id == number).group_by(key)
    if filters.sources is not None:
        found = found.join(subject, subject.id == number).where(subject.source_id.in_(sorted(filters.sources)))
    findings: Any = sum((counts[severity] for severity in chosen[1:]), start=counts[chosen[0]])
    return found.where(findings > 0)


def worst(by: str, filters: Filters) -> Select[Any] | None:
    """The same of the CVEs that have findings of the worst severity: they come before all others.

    To add up what weighs on all others takes most of the time. A host or a definition has its weight in one row: None.
    """
    if by != "cve":
        return None
    count = getattr(DefinitionWeight, severities(filters)[0].name.lower())
    of_worst = (
        select(DefinitionCve.cve)
        .join(DefinitionWeight, DefinitionWeight.definition_id == DefinitionCve.definition_id)
        .where(count > 0)
    )
    # Of an expression there is no index: SQLite would look for each of these CVEs in each definition of a source.
    return groups(by, filters).where(DefinitionCve.cve.concat("").in_(of_worst)).having(func.sum(count) > 0)


def total(session: Session, by: str, filters: Filters) -> int:
    """How many groups there are; counted once, until the record changes."""
    counted = kept.since_last_change(session)
    name = ("groups", by, filters.grades, filters.sources)
    if name not in counted:
        count = func.count(DefinitionCve.cve.distinct()) if by == "cve" else func.count()
        one = groups(by, filters).with_only_columns(count, maintain_column_froms=True).group_by(None)
        counted[name] = session.scalar(one) or 0
    found: int = counted[name]
    return found


def _grades(severity: Severity) -> Sequence[int]:
    """Those that are open."""
    return OPEN_GRADE + severity, 2 * OPEN_GRADE + severity
