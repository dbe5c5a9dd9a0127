"""The filters of a list of findings, as a query string says them: read once, the same for lists, groups and exports."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, or_, select

from hextrackr.errors import RequestError
from hextrackr.models import Asset, Definition, DefinitionCve, Finding, FindingChange, Import, Source
from hextrackr.models.events import EventKind
from hextrackr.models.findings import Lifecycle, Severity, grade
from hextrackr.models.imports import ImportState
from hextrackr.models.matching import Contains

Filter = ColumnElement[bool]

_OPEN = (Lifecycle.ACTIVE.value, Lifecycle.REOPENED.value)
_STATES = {"open": _OPEN, **{state.value: (state.value,) for state in Lifecycle}}
_SEVERITIES = {severity.name.lower(): severity.value for severity in Severity}
#: Parameter -> column and whether it is its lower end; dates in ISO form.
_DAYS = {
    "firstSeenFrom": (Finding.first_seen, True), "firstSeenTo": (Finding.first_seen, False),
    "lastSeenFrom": (Finding.last_seen, True), "lastSeenTo": (Finding.last_seen, False),
}  # fmt: skip
_SCORES = {
    "vprMin": (Finding.vpr, True), "vprMax": (Finding.vpr, False),
    "cvssMin": (Finding.cvss, True), "cvssMax": (Finding.cvss, False),
}  # fmt: skip
_EPSS = {"epssMin": True, "epssMax": False}
_MAX_NUMBER = 2**53


@dataclass(frozen=True)
class Filters:
    """What a list is limited to.

    :ivar grades: see :func:`hextrackr.models.findings.grade`; the severities and states that are asked for.
    :ivar sources: ids; None for all.
    :ivar conditions: everything else; of these nobody knows beforehand how many findings meet them.
    :ivar named: they name hosts, definitions, CVEs, families, ports or imports, to which indexes lead.
    :ivar unindexed: they ask for what no index leads to.
    """

    grades: frozenset[int]
    sources: frozenset[int] | None
    conditions: tuple[Filter, ...]
    named: bool = False
    unindexed: bool = False

    def on_findings(self, *, led_by_grade: bool = True) -> list[Filter]:
        """Every condition on a finding, grades and sources included.

        :param led_by_grade: whether their indexes may be used: not if something else leads to the findings, and never if what is named
            does, of which SQLite knows too little to prefer it.
        """
        grade: Any = Finding.grade
        source: Any = Finding.source_id
        if self.named or not led_by_grade:
            grade, source = grade + 0, source + 0  # of a sum there is no index
        told: list[Filter] = [grade.in_(sorted(self.grades)), *self.conditions]
        return told if self.sources is None else [source.in_(sorted(self.sources)), *told]


def requested(arguments: Mapping[str, str], today: date | None = None) -> Filters:
    """The filters that a query asks for.

    :param today: what an age is counted to; the present day by default.
    :raises RequestError: a value that does not exist or is out of its range.
    """
    severities = _chosen(arguments, "severity", _SEVERITIES) or list(_SEVERITIES.values())
    states = _chosen(arguments, "state", _STATES) or list(_STATES.values())
    wanted = {state for group in states for state in group}
    named = any(_said(arguments, name) for name in _BY_NAME)
    return Filters(
        frozenset(grade(state, severity) for state in wanted for severity in severities),
        frozenset(_numbers(arguments, "source")) or None,
        tuple(_conditions(arguments, today or date.today())),
        named=named,
        unindexed=not named and any(_said(arguments, name) for name in _UNINDEXED),
    )


def _conditions(arguments: Mapping[str, str], today: date) -> list[Filter]:
    found = [*_ages(arguments, today), *_scores(arguments), *_changed(arguments)]
    for name, condition in _NAMED.items():
        if text := _said(arguments, name):
            found.append(condition(text))
    return found


def _ages(arguments: Mapping[str, str], today: date) -> Iterator[Filter]:
    for name, (column, is_least) in _DAYS.items():
        if text := _said(arguments, name):
            yield _within(column, _day(name, text), is_least)
    for name, is_least in (("ageMin", False), ("ageMax", True)):
        if text := _said(arguments, name):
            yield _within(Finding.first_seen, today - timedelta(days=_number(name, text, 0, 36_500)), is_least)


def _scores(arguments: Mapping[str, str]) -> Iterator[Filter]:
    for name, (column, is_least) in _SCORES.items():
        if text := _said(arguments, name):
            # The index of VPR begins with the source.
            of_any = [Finding.source_id.in_(select(Source.id))] if column is Finding.vpr else []
            yield and_(*of_any, _within(column, _score(name, text, 10), is_least))
    for name, is_least in _EPSS.items():
        if text := _said(arguments, name):
            met = _within(Definition.epss, _score(name, text, 1), is_least)
            yield Finding.definition_id.in_(select(Definition.id).where(met))


def _within(column: Any, end: Any, is_least: bool) -> Filter:
    met: Filter = column >= end if is_least else column <= end
    return met


def _of_port(text: str) -> Filter:
    return Finding.port == _number("port", text, 0, 65_535)


def _of_host(text: str) -> Filter:
    if text.isascii() and text.isdigit():
        return Finding.asset_id == _number("host", text, 1, _MAX_NUMBER)
    names = (Asset.name, Asset.fqdn, Asset.netbios, Asset.ip)
    return Finding.asset_id.in_(select(Asset.id).where(or_(*(name == text for name in names))))


def _of_cve(text: str) -> Filter:
    return Finding.definition_id.in_(select(DefinitionCve.definition_id).where(DefinitionCve.cve == text.upper()))


def _found(text: str) -> Filter:
    names = (Asset.name, Asset.fqdn, Asset.netbios, Asset.ip)
    hosts = select(Asset.id).where(or_(*(Contains(name, text) for name in names)))
    titled = select(Definition.id).where(or_(Contains(Definition.title, text), Definition.key == text))
    with_cve = select(DefinitionCve.definition_id).where(Contains(DefinitionCve.cve, text))
    definitions: Select[Any] | Any = titled.union(with_cve)
    return or_(Finding.asset_id.in_(hosts), Finding.definition_id.in_(definitions))


#: Parameter -> the condition that its text stands for.
_NAMED: dict[str, Callable[[str], Filter]] = {
    "port": _of_port,
    "protocol": lambda text: Finding.protocol == text.lower(),
    "host": _of_host,
    "definition": lambda text: Finding.definition_id == _number("definition", text, 1, _MAX_NUMBER),
    "cve": _of_cve,
    "family": lambda text: Finding.definition_id.in_(select(Definition.id).where(Definition.family == text)),
    "search": _found,
}
#: Those that an index finds.
_BY_NAME = ("host", "definition", "cve", "family", "search", "port", "epssMin", "epssMax", "changedBy", "newSince")
_UNINDEXED = ("lastSeenFrom", "lastSeenTo", "protocol")


def _changed(arguments: Mapping[str, str]) -> list[Filter]:
    """What imports changed, or only one ``change`` of them; and what those of the days since one opened."""
    numbers, kind = _numbers(arguments, "changedBy"), _said(arguments, "change")
    if kind and kind not in tuple(EventKind):
        raise RequestError(f"change must be one of {', '.join(EventKind)}.")
    found: list[Filter] = []
    if since := _said(arguments, "newSince"):
        standing = (Import.state == ImportState.COMPLETED, Import.undone_at.is_(None))
        newer = select(Import.id).where(*standing, Import.scan_date >= _day("newSince", since))
        found.append(Finding.opened_by.in_(newer))
    if numbers:
        changes = select(FindingChange.finding_id).where(FindingChange.import_id.in_(numbers))
        if kind:
            changes = changes.where(FindingChange.kind == kind)
        opened, changed = Finding.opened_by.in_(numbers), Finding.id.in_(changes)
        found.append(or_(opened, changed) if not kind else opened if kind == EventKind.OPENED else changed)
    return found


def _said(arguments: Mapping[str, str], name: str) -> str:
    return arguments.get(name, "").strip()


def _chosen(arguments: Mapping[str, str], name: str, known: Mapping[str, Any]) -> list[Any]:
    words = [word.strip().lower() for word in arguments.get(name, "").split(",") if word.strip()]
    if any(word not in known for word in words):
        raise RequestError(f"{name} must be one or several of {', '.join(known)}.")
    return [known[word] for word in words]


def _numbers(arguments: Mapping[str, str], name: str) -> list[int]:
    return [_number(name, word.strip(), 1, _MAX_NUMBER) for word in arguments.get(name, "").split(",") if word.strip()]


def _number(name: str, text: str, least: int, most: int) -> int:
    if not text.isascii() or not text.isdigit() or not least <= int(text[:20]) <= most:
        raise RequestError(f"{name} must be a whole number from {least} to {most}.")
    return int(text)


def _score(name: str, text: str, most: int) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= most:
        raise RequestError(f"{name} must be a number from 0 to {most}.")
    return value


def _day(name: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise RequestError(f"{name} must be a date such as 2026-08-01.") from None
