"""The filters of a list of findings, as a query string says them: read once, the same for lists, groups and exports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import Select, and_, or_, select
from sqlalchemy.orm import Session

from hextrackr.errors import RequestError
from hextrackr.models import Finding, FindingChange
from hextrackr.models.events import EventKind
from hextrackr.models.findings import Lifecycle, Severity, grade

from . import conditions, parameters
from .conditions import Filter

_OPEN = (Lifecycle.ACTIVE.value, Lifecycle.REOPENED.value)
_STATES = {"open": _OPEN, **{state.value: (state.value,) for state in Lifecycle}}
_SEVERITIES = {severity.name.lower(): severity.value for severity in Severity}


@dataclass(frozen=True)
class Changed:
    """What imports opened, and what they did to findings on record.

    :ivar opened: a condition on a finding; None if that is not asked for.
    :ivar changes: a condition on a finding's change; None if that is not asked for.
    """

    opened: Filter | None
    changes: Filter | None

    @property
    def met(self) -> Filter:
        """The condition on a finding, for one that is looked at."""
        change = select(FindingChange.finding_id).where(FindingChange.finding_id == Finding.id)
        changed = [] if self.changes is None else [change.where(self.changes).exists()]
        return or_(*([] if self.opened is None else [self.opened]), *changed)


@dataclass(frozen=True)
class Filters:
    """What a list is limited to.

    :ivar grades: see :func:`hextrackr.models.findings.grade`; the severities and states that are asked for.
    :ivar sources: ids; None for all.
    :ivar sightings: selects ids; None for all.
    :ivar conditions: everything else; of these nobody knows beforehand how many findings meet them.
    :ivar search: a text that a host, a definition or a CVE has to contain, until it is :meth:`looked_up`.
    :ivar changed: what imports did to a finding; one of these has to be met.
    :ivar named: they name hosts, definitions, CVEs, families, ports or imports, to which indexes lead.
    :ivar unindexed: they ask for what no index leads to.
    """

    grades: frozenset[int]
    sources: frozenset[int] | None
    conditions: tuple[Filter, ...]
    sightings: Select[Any] | None = None
    search: str = ""
    changed: Changed | None = None
    named: bool = False
    unindexed: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether severity, state and source are all that limits the list."""
        return not self.conditions and self.sightings is None and not self.search and self.changed is None

    def has_source(self, source_id: int) -> bool:
        """Whether a source is asked for."""
        return self.sources is None or source_id in self.sources

    def looked_up(self, session: Session) -> Filters:
        """The same, with the hosts and definitions that a search leads to: many statements need not search for them again."""
        if not self.search:
            return self
        hosts, definitions = conditions.hosts_with(self.search), conditions.definitions_with(self.search)
        met = or_(
            conditions.among(session, Finding.asset_id, hosts),
            conditions.among(session, Finding.definition_id, definitions),
        )
        return replace(self, search="", conditions=(*self.conditions, met))

    def on_findings(self, *, led_by_grade: bool = True) -> list[Filter]:
        """Every condition on a finding but what changed it, grades and sources included.

        :param led_by_grade: whether their indexes may be used: not if something else leads to the findings, and never if what is named
            does, of which SQLite knows too little to prefer it.
        """
        grade: Any = Finding.grade
        source: Any = Finding.source_id
        sighting: Any = Finding.sighting_id
        if self.named or not led_by_grade:
            grade, source, sighting = grade + 0, source + 0, sighting + 0  # of a sum there is no index
        told: list[Filter] = [grade.in_(sorted(self.grades)), *self.conditions]
        if self.search:
            hosts, definitions = conditions.hosts_with(self.search), conditions.definitions_with(self.search)
            told.append(or_(Finding.asset_id.in_(hosts), Finding.definition_id.in_(definitions)))
        if self.sightings is not None:
            told.append(sighting.in_(self.sightings))
        return told if self.sources is None else [source.in_(sorted(self.sources)), *told]

    def looked_at(self) -> list[Filter]:
        """Every condition on a finding that something else leads to, what changed it included."""
        changed = [] if self.changed is None else [self.changed.met]
        return [*self.on_findings(led_by_grade=False), *changed]

    def selecting(self, *columns: Any) -> list[Select[Any]]:
        """Statements that find these columns of what matches; together, and a finding may be found twice.

        One for what imports opened and one for what they changed: each begins with these, however many there are.
        """
        wanted: Any = select(*columns).where(*self.on_findings(led_by_grade=not self.unindexed))
        if self.changed is None:
            return [wanted]
        by_change = wanted.join(FindingChange, FindingChange.finding_id == Finding.id)
        return [
            *([] if self.changed.opened is None else [wanted.where(self.changed.opened)]),
            *([] if self.changed.changes is None else [by_change.where(self.changed.changes)]),
        ]


#: Parameters of what an index finds, and of what none does.
_BY_NAME = ("host", "definition", "cve", "family", "search", "port", "epssMin", "epssMax", "changedBy", "newSince")
_UNINDEXED = ("protocol",)


def requested(arguments: Mapping[str, str], today: date | None = None) -> Filters:
    """The filters that a query asks for.

    :param today: what an age is counted to; the present day by default.
    :raises RequestError: a value that does not exist or is out of its range.
    """
    severities = parameters.chosen(arguments, "severity", _SEVERITIES) or list(_SEVERITIES.values())
    states = parameters.chosen(arguments, "state", _STATES) or list(_STATES.values())
    wanted = {state for group in states for state in group}
    named = any(parameters.said(arguments, name) for name in _BY_NAME)
    return Filters(
        frozenset(grade(state, severity) for state in wanted for severity in severities),
        frozenset(parameters.numbers(arguments, "source")) or None,
        tuple(conditions.of(arguments, today or date.today(), named)),
        conditions.sightings(arguments),
        parameters.said(arguments, "search"),
        _changed(arguments),
        named=named,
        unindexed=not named and any(parameters.said(arguments, name) for name in _UNINDEXED),
    )


def _changed(arguments: Mapping[str, str]) -> Changed | None:
    """What imports changed, or only one ``change`` of them."""
    numbers, kind = parameters.numbers(arguments, "changedBy"), parameters.said(arguments, "change")
    if kind and kind not in tuple(EventKind):
        raise RequestError(f"change must be one of {', '.join(EventKind)}.")
    if not numbers:
        return None
    changes = and_(FindingChange.import_id.in_(numbers), *([FindingChange.kind == kind] if kind else []))
    return Changed(
        opened=Finding.opened_by.in_(numbers) if kind in ("", EventKind.OPENED) else None,
        changes=None if kind == EventKind.OPENED else changes,
    )
