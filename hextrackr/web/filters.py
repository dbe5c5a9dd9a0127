"""The filters of a list of findings, as a query string says them: read once, the same for lists, groups and exports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import Connection, Select, select
from sqlalchemy.orm import Session

from hextrackr.models import Asset, Definition, Finding, Source
from hextrackr.models.findings import Lifecycle, Severity, grade
from hextrackr.models.hints import by_id
from hextrackr.models.matching import Among

from . import conditions, parameters
from .limits import PLAIN, Arm, Filter, Limit

_OPEN = (Lifecycle.ACTIVE.value, Lifecycle.REOPENED.value)
_STATES = {"open": _OPEN, **{state.value: (state.value,) for state in Lifecycle}}
_SEVERITIES = {severity.name.lower(): severity.value for severity in Severity}
_ALL = frozenset(grade(state, severity) for state in Lifecycle for severity in Severity)
#: So many hosts or definitions are named in a statement; of more, it says what they have in common.
_NAMED = 20_000


@dataclass(frozen=True)
class Filters:
    """What a list is limited to.

    :ivar grades: see :func:`hextrackr.models.findings.grade`; the severities and states that are asked for.
    :ivar sources: ids; None for all.
    :ivar limits: everything else; of these nobody knows beforehand how many findings meet them.
    :ivar hosts: conditions on the host, and ``definitions`` on the definition, until they are :meth:`looked_up`.
    :ivar search: a text that a host, a definition or a CVE has to contain, until it is looked up.
    """

    grades: frozenset[int]
    sources: frozenset[int] | None
    limits: tuple[Limit, ...] = ()
    hosts: tuple[Filter, ...] = ()
    definitions: tuple[Filter, ...] = ()
    search: str = ""

    @property
    def is_plain(self) -> bool:
        """Whether severity, state and source are all that limits the list."""
        return not (self.limits or self.hosts or self.definitions or self.search)

    def ask_for(self, lifecycle: str, severity: int, source_id: int) -> bool:
        """Whether these are among the states, severities and sources that are asked for."""
        return grade(lifecycle, severity) in self.grades and (self.sources is None or source_id in self.sources)

    def looked_up(self, bound: Session | Connection) -> Filters:
        """The same, with the hosts and definitions that are asked for in its limits."""
        found = list(self.limits)
        if self.hosts:
            found.append(Limit((_of_hosts(bound, *self.hosts),)))
        if self.definitions:
            found.append(Limit((_of_definitions(bound, *self.definitions),)))
        if self.search:
            hosts = _of_hosts(bound, conditions.host_contains(self.search))
            found.append(Limit((hosts, _of_definitions(bound, conditions.definition_contains(self.search)))))
        return replace(self, limits=tuple(found), hosts=(), definitions=(), search="")

    def met(self) -> list[Filter]:
        """The conditions on a finding that is looked at; those that are told fastest come first, as SQLite asks them in their order."""
        plain = self._plain()
        source, others = (plain[:1], plain[1:]) if self.sources is not None else ([], plain)
        return [*source, *(limit.met for limit in self.limits), *others]

    def selecting(self, *columns: Any) -> Select[Any]:
        """Selects columns of what matches by looking at one finding after the other."""
        return by_id(Finding, select(*columns).where(*self.met()))

    def led_by(self, limit: Limit, *columns: Any) -> Iterator[Select[Any]]:
        """Statements that find these columns of what matches by the indexes that lead to a limit; a finding may be found twice."""
        others = [other.met for other in self.limits if other is not limit]
        for arm in limit.arms:
            yield arm.selecting(*columns).where(*self._told_by(arm), *others, *self._plain(arm.has))

    def held_by(self, arm: Arm) -> Select[Any]:
        """Selects the ids that an index leads to, by nothing but what it tells itself."""
        return arm.ids().where(*self._told_by(arm))

    @property
    def whole(self) -> Limit | None:
        """The limit whose indexes lead to nothing but what matches, if there is one."""
        limit, *others = self.limits or (PLAIN,)
        plain = {"grade"} if self.grades != _ALL else set()
        if self.sources is not None:
            plain.add("source")
        return limit if limit.leads and not others and all(plain <= arm.has for arm in limit.arms) else None

    def _plain(self, but: frozenset[str] = frozenset()) -> list[Filter]:
        """The conditions on source and grade where these are limited, ``but`` what is told already."""
        told: list[Filter] = []
        if self.sources is not None and "source" not in but:
            told.append(Finding.source_id.in_(sorted(self.sources)))
        if self.grades != _ALL and "grade" not in but:
            told.append(Finding.grade.in_(sorted(self.grades)))
        return told

    def _told_by(self, arm: Arm) -> list[Filter]:
        """The conditions on what else an index has: all values are named if none is chosen, as it is looked up by them."""
        told: list[Filter] = []
        if "source" in arm.has:
            told.append(Finding.source_id.in_(select(Source.id) if self.sources is None else sorted(self.sources)))
        if "grade" in arm.has:
            told.append(Finding.grade.in_(sorted(self.grades)))
        return told


def requested(arguments: Mapping[str, str], today: date | None = None) -> Filters:
    """The filters that a query asks for.

    :param today: what an age is counted to; the present day by default.
    :raises RequestError: a value that does not exist or is out of its range.
    """
    severities = parameters.chosen(arguments, "severity", _SEVERITIES) or list(_SEVERITIES.values())
    states = parameters.chosen(arguments, "state", _STATES) or list(_STATES.values())
    wanted = {state for group in states for state in group}
    return Filters(
        frozenset(grade(state, severity) for state in wanted for severity in severities),
        frozenset(parameters.numbers(arguments, "source")) or None,
        tuple(conditions.limits(arguments, today or date.today())),
        tuple(conditions.on_hosts(arguments)),
        tuple(conditions.on_definitions(arguments)),
        parameters.said(arguments, "search"),
    )


def _of_hosts(bound: Session | Connection, *hosts: Filter) -> Arm:
    # Of the unique constraint, which begins with the host; SQLite names its index so.
    return Arm(_among(bound, Finding.asset_id, select(Asset.id).where(*hosts)), "sqlite_autoindex_findings_1")


def _of_definitions(bound: Session | Connection, *definitions: Filter) -> Arm:
    named = select(Definition.id).where(*definitions)
    return Arm(_among(bound, Finding.definition_id, named), "ix_findings_definition_id")


def _among(bound: Session | Connection, column: Any, numbers: Select[Any]) -> Filter:
    """Whether a column is one of some numbers, which are looked up now unless they are very many."""
    found = bound.scalars(numbers.limit(_NAMED + 1)).all()
    return Among(column, found) if len(found) <= _NAMED else column.in_(numbers)
