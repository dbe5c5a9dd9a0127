"""What a list of findings is limited to, one thing at a time, and what leads to the findings that meet it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, Select, false, or_, select, true

from hextrackr.db.hints import by_id, led_by
from hextrackr.domain.models import Finding, FindingChange

Filter = ColumnElement[bool]


@dataclass(frozen=True)
class Arm:
    """One way to meet a limit, to which nothing leads.

    :cvar leads: whether there is a quick way to all that meets it.
    :ivar met: a condition on a finding.
    """

    leads: ClassVar[bool] = False

    met: Filter

    @property
    def tells(self) -> frozenset[str]:
        """What the way there tells of a finding besides: ``grade``, ``source``."""
        return frozenset()

    def selecting(self, *columns: Any) -> Select[Any]:
        """Selects columns of what meets it, if it leads."""
        raise NotImplementedError

    def ids(self) -> Select[Any]:
        """Selects the ids of what meets it, if it leads."""
        return self.selecting(Finding.id)


@dataclass(frozen=True)
class IndexArm(Arm):
    """One to which an index of findings leads.

    :ivar index: its name.
    :ivar has: which of grade and source it has as well.
    """

    leads = True

    index: str
    has: frozenset[str] = frozenset()

    @property
    def tells(self) -> frozenset[str]:
        return self.has

    def selecting(self, *columns: Any) -> Select[Any]:
        return led_by(Finding, self.index, select(*columns).where(self.met))


@dataclass(frozen=True)
class IdsArm(Arm):
    """To have one of some ids, which the condition names."""

    leads = True

    def selecting(self, *columns: Any) -> Select[Any]:
        return by_id(Finding, select(*columns).where(self.met))


@dataclass(frozen=True)
class SpanArm(Arm):
    """To have an id from ``first`` to ``last`` and meet a condition, as most of these do."""

    leads = True

    first: int
    last: int

    def selecting(self, *columns: Any) -> Select[Any]:
        return by_id(Finding, select(*columns).where(Finding.id.between(self.first, self.last), self.met))


@dataclass(frozen=True)
class ChangedArm(Arm):
    """To have been changed in some way, by some imports.

    :ivar change: a condition on a finding's change; their key leads there.
    """

    leads = True

    change: Filter

    def selecting(self, *columns: Any) -> Select[Any]:
        joined = select(*columns).join(FindingChange, FindingChange.finding_id == Finding.id)
        return by_id(Finding, joined.where(self.change))

    def ids(self) -> Select[Any]:
        return select(FindingChange.finding_id).where(self.change)


@dataclass(frozen=True)
class Limit:
    """One thing that a finding has to meet, in any of several ways; without any, nothing does."""

    arms: tuple[Arm, ...]

    @property
    def met(self) -> Filter:
        """The condition on a finding that is looked at."""
        return or_(*(arm.met for arm in self.arms)) if self.arms else false()

    @property
    def leads(self) -> bool:
        """Whether there is a quick way to all that meets it."""
        return all(arm.leads for arm in self.arms)


#: What limits every list: grades, and sources if they are chosen.
PLAIN = Limit((IndexArm(true(), "ix_findings_vpr", frozenset({"grade", "source"})),))
