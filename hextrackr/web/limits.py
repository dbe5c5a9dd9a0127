"""What a list of findings is limited to, one thing at a time, and the indexes that lead to what meets it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, or_, select, true

from hextrackr.models import Finding, FindingChange
from hextrackr.models.hints import by_id, led_by

Filter = ColumnElement[bool]


@dataclass(frozen=True)
class Arm:
    """One way to meet a limit.

    :ivar met: a condition on a finding.
    :ivar index: the index of findings that leads to what meets it; empty if there is none.
    :ivar has: what else this index has: ``grade``, ``source``.
    """

    met: Filter
    index: str = ""
    has: frozenset[str] = frozenset()

    @property
    def leads(self) -> bool:
        """Whether there is a quick way to all that meets it."""
        return self.index != ""

    def ids(self) -> Select[Any]:
        """Selects the ids of what meets it."""
        return self.selecting(Finding.id)

    def selecting(self, *columns: Any) -> Select[Any]:
        """Selects columns of what meets it, if it leads."""
        return led_by(Finding, self.index, select(*columns).where(self.met))


@dataclass(frozen=True)
class ChangedArm(Arm):
    """To have been changed in some way, by some imports.

    :ivar change: a condition on a finding's change; their key leads there.
    """

    change: Filter = true()

    @property
    def leads(self) -> bool:
        return True

    def ids(self) -> Select[Any]:
        return select(FindingChange.finding_id).where(self.change)

    def selecting(self, *columns: Any) -> Select[Any]:
        joined = select(*columns).join(FindingChange, FindingChange.finding_id == Finding.id)
        return by_id(Finding, joined.where(self.change))


@dataclass(frozen=True)
class Limit:
    """One thing that a finding has to meet, in any of several ways."""

    arms: tuple[Arm, ...]

    @property
    def met(self) -> Filter:
        """The condition on a finding that is looked at."""
        return or_(*(arm.met for arm in self.arms))

    @property
    def leads(self) -> bool:
        """Whether there is a quick way to all that meets it."""
        return all(arm.leads for arm in self.arms)


#: What limits every list: grades, and sources if they are chosen.
PLAIN = Limit((Arm(true(), "ix_findings_vpr", frozenset({"grade", "source"})),))
