"""Limits that name something else than findings, which is looked up before these are: hosts, definitions, a text, imports."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from sqlalchemy import Connection, Select, func, or_, select
from sqlalchemy.orm import Session

from hextrackr.db.matching import Among, Contains
from hextrackr.domain.models import Asset, Definition, DefinitionCve, Evidence, Finding, Import

from .limits import Arm, Filter, IdsArm, IndexArm, Limit, SpanArm

Bound = Session | Connection
#: Makes a limit of what is asked for; what takes its time lets others have their turn meanwhile.
Lookup = Callable[[Bound, Callable[[], Any]], Limit]

#: So many hosts or definitions are named in a statement; of more, it says what they have in common.
_NAMED = 20_000
#: So many texts of evidence, which may be long ones, and so many findings are looked at before others have their turn.
_TEXTS, _FINDINGS = 2_000, 100_000
#: Characters of a text that are searched.
SEARCHED = 1_000


def of_hosts(*conditions: Filter) -> Lookup:
    """Findings on the hosts under some conditions."""
    return lambda bound, _pause: Limit((_on_hosts(bound, *conditions),))


def of_definitions(*conditions: Filter) -> Lookup:
    """Findings of the definitions under some conditions."""
    return lambda bound, _pause: Limit((_of_definitions(bound, *conditions),))


def of_text(text: str, *, in_evidence: bool = False) -> Lookup:
    """Findings whose host, definition or CVE contains a text, or whose evidence does if that is asked for."""
    host = or_(*(Contains(_searched(name), text) for name in (Asset.name, Asset.fqdn, Asset.netbios, Asset.ip)))
    named = select(DefinitionCve.definition_id).where(Contains(DefinitionCve.cve, text))
    definition = or_(Contains(_searched(Definition.title), text), Definition.key == text, Definition.id.in_(named))

    def look_up(bound: Bound, pause: Callable[[], Any]) -> Limit:
        evidence = [_with_evidence(bound, Contains(Evidence.text, text), pause)] if in_evidence else []
        return Limit((_on_hosts(bound, host), _of_definitions(bound, definition), *evidence))

    return look_up


def _searched(column: Any) -> Any:
    """What of a text is searched: of one that is longer than any title the time would grow with the length of what is looked for."""
    return func.substr(column, 1, SEARCHED)


def of_imports(*conditions: Filter, or_met: Arm | None = None) -> Lookup:
    """Findings that the imports under some conditions put on record, or that meet something else."""
    return lambda bound, _pause: Limit((*_added(bound, *conditions), *([] if or_met is None else [or_met])))


def _on_hosts(bound: Bound, *conditions: Filter) -> Arm:
    # Of the unique constraint, which begins with the host; SQLite names its index so.
    return IndexArm(_among(bound, Finding.asset_id, select(Asset.id).where(*conditions)), "sqlite_autoindex_findings_1")


def _of_definitions(bound: Bound, *conditions: Filter) -> Arm:
    named = select(Definition.id).where(*conditions)
    return IndexArm(_among(bound, Finding.definition_id, named), "ix_findings_definition_id")


def _among(bound: Bound, column: Any, numbers: Select[Any]) -> Filter:
    """Whether a column is one of some numbers, which are looked up now unless they are very many."""
    found = bound.scalars(numbers.limit(_NAMED + 1)).all()
    return Among(column, found) if len(found) <= _NAMED else column.in_(numbers)


def _with_evidence(bound: Bound, condition: Filter, pause: Callable[[], Any]) -> Arm:
    """Findings whose evidence is under a condition: both are looked through, as no index leads to them."""
    texts = _looked_through(bound, Evidence.id, condition, _TEXTS, pause)
    if texts is None:
        return Arm(Finding.evidence_id.in_(select(Evidence.id).where(condition)))
    met = Among(Finding.evidence_id, texts)
    findings = _looked_through(bound, Finding.id, met, _FINDINGS, pause) if texts else []
    return Arm(met) if findings is None else IdsArm(Among(Finding.id, findings))


def _looked_through(
    bound: Bound, number: Any, condition: Filter, span: int, pause: Callable[[], Any]
) -> list[int] | None:
    """The ids of a table under a condition, found in spans of ids; None if they are very many."""
    found: list[int] = []
    for first in range(0, (bound.scalar(select(func.max(number))) or 0) + 1, span):
        found += bound.scalars(select(number).where(number.between(first, first + span - 1), condition))
        if len(found) > _NAMED:
            return None
        bound.rollback()  # no transaction is held while others have their turn
        pause()
    return found


def _added(bound: Bound, *conditions: Filter) -> Iterator[Arm]:
    named = select(Import.id, Import.first_finding, Import.last_finding).where(*conditions)
    rows = bound.execute(named.where(Import.first_finding.is_not(None)).order_by(Import.first_finding))
    for first, last, imports in _spans(rows):
        yield SpanArm(Finding.opened_by.in_(imports), first, last)


def _spans(rows: Iterable[Any]) -> list[tuple[int, int, list[int]]]:
    """The first and the last id of imports whose findings lie beside one another, and these imports."""
    spans: list[tuple[int, int, list[int]]] = []
    for number, first, last in rows:
        imports = [number]
        if spans and first <= spans[-1][1] + 1:
            begin, end, others = spans.pop()
            first, last, imports = begin, max(end, last), [*others, number]
        spans.append((first, last, imports))
    return spans
