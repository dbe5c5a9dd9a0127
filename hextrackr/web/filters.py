"""The filters of a list of findings, as a query string says them: read once, the same for lists, groups and exports."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import Select, select

from hextrackr.db.hints import by_id
from hextrackr.domain.models import Finding, Lifecycle, Severity, Source, StateTotal, grade

from . import conditions, parameters
from .limits import PLAIN, Arm, Filter, Limit
from .lookups import Bound, Lookup

_OPEN = (Lifecycle.ACTIVE.value, Lifecycle.REOPENED.value)
_STATES = {"open": _OPEN, **{state.value: (state.value,) for state in Lifecycle}}
_SEVERITIES = {severity.name.lower(): severity.value for severity in Severity}
_ALL = frozenset(grade(state, severity) for state in Lifecycle for severity in Severity)


@dataclass(frozen=True)
class Filters:
    """What a list is limited to.

    :ivar grades: see :func:`hextrackr.domain.models.grade`; the severities and states that are asked for.
    :ivar sources: ids; None for all.
    :ivar limits: everything else; of these nobody knows beforehand how many findings meet them.
    :ivar lookups: what makes more limits, until it is :meth:`looked_up`.
    """

    grades: frozenset[int]
    sources: frozenset[int] | None
    limits: tuple[Limit, ...] = ()
    lookups: tuple[Lookup, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether severity, state and source are all that limits the list."""
        return not (self.limits or self.lookups)

    def looked_up(self, bound: Bound, pause: Callable[[], Any] = lambda: None) -> Filters:
        """The same, with everything that limits it in its limits.

        :param pause: lets others have their turn.
        """
        found = tuple(look_up(bound, pause) for look_up in self.lookups)
        return replace(self, limits=self.limits + found, lookups=())

    def totals(self, bound: Bound) -> list[Any]:
        """The totals, with ``lifecycle``, ``severity``, ``source_id`` and ``findings``, of what is asked for and on record."""
        columns = (StateTotal.lifecycle, StateTotal.severity, StateTotal.source_id, StateTotal.findings)
        return [
            row
            for row in bound.execute(select(*columns).where(StateTotal.findings > 0))
            if grade(row.lifecycle, row.severity) in self.grades
            and (self.sources is None or row.source_id in self.sources)
        ]

    def met(self) -> list[Filter]:
        """The conditions on a finding that is looked at; those that are told fastest come first, as SQLite asks them in their order."""
        plain = self._plain()
        source, grades = ([plain[name]] if name in plain else [] for name in ("source", "grade"))
        return [*source, *(limit.met for limit in self.limits), *grades]

    def selecting(self, *columns: Any) -> Select[Any]:
        """Selects columns of what matches by looking at one finding after the other."""
        return by_id(Finding, select(*columns).where(*self.met()))

    def in_span(self, first: int, size: int, *columns: Any) -> Select[Any]:
        """The same, of the findings with one of ``size`` ids from the first."""
        return self.selecting(*columns).where(Finding.id >= first, Finding.id < first + size)

    def led_by(self, limit: Limit, *columns: Any) -> Iterator[Select[Any]]:
        """Statements that find these columns of what matches by the indexes that lead to a limit; a finding may be found twice."""
        others = [other.met for other in self.limits if other is not limit]
        for arm in limit.arms:
            plain = [met for name, met in self._plain().items() if name not in arm.tells]
            yield arm.selecting(*columns).where(*self._told_by(arm), *others, *plain)

    def held_by(self, arm: Arm) -> Select[Any]:
        """Selects the ids that an index leads to, by nothing but what it tells itself."""
        return arm.ids().where(*self._told_by(arm))

    @property
    def whole(self) -> Limit | None:
        """The limit whose indexes lead to nothing but what matches, if there is one."""
        limit, *others = self.limits or (PLAIN,)
        is_whole = limit.leads and not others and all(self._plain().keys() <= arm.tells for arm in limit.arms)
        return limit if is_whole else None

    def _plain(self) -> dict[str, Filter]:
        """The conditions on source and grade, where these are limited."""
        told: dict[str, Filter] = {}
        if self.sources is not None:
            told["source"] = Finding.source_id.in_(sorted(self.sources))
        if self.grades != _ALL:
            told["grade"] = Finding.grade.in_(sorted(self.grades))
        return told

    def _told_by(self, arm: Arm) -> list[Filter]:
        """The conditions on what else an index has: all values are named if none is chosen, as it is looked up by them."""
        told: list[Filter] = []
        if "source" in arm.tells:
            told.append(Finding.source_id.in_(select(Source.id) if self.sources is None else sorted(self.sources)))
        if "grade" in arm.tells:
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
        tuple(conditions.looked_up(arguments)),
    )
