"""What a list of findings is sorted by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, select

from hextrackr.db.dialects import in_order
from hextrackr.domain.models import Finding, Sighting
from hextrackr.errors import RequestError

#: When a finding was seen last.
LAST_SEEN = select(Sighting.day).where(Sighting.id == Finding.sighting_id).correlate(Finding).scalar_subquery()
_SORTS: dict[str, Any] = {
    "severity": Finding.vpr,
    "vpr": Finding.vpr,
    "cvss": Finding.cvss,
    "firstSeen": Finding.first_seen,
    "lastSeen": LAST_SEEN,
}
#: What an index has in order for one grade; ``severity`` is in that of VPR, one severity after the other.
_INDEXED = ("severity", "vpr", "cvss", "firstSeen")


@dataclass(frozen=True)
class Order:
    """What a list is sorted by; equals stand in the order of their ids."""

    sort: str
    descending: bool

    @property
    def is_indexed(self) -> bool:
        """Whether an index has the findings of a grade in this order."""
        return self.sort in _INDEXED

    @property
    def key(self) -> Any:
        """The column that counts within one severity, or among all."""
        return _SORTS[self.sort]

    @property
    def keys(self) -> list[Any]:
        """The columns without the id."""
        return [*([Finding.severity] if self.sort == "severity" else []), self.key]

    @property
    def columns(self) -> list[ColumnElement[Any]]:
        """The columns, as ``ORDER BY`` takes them."""
        return [in_order(column, self.descending) for column in (*self.keys, Finding.id)]


def requested(arguments: Mapping[str, str]) -> Order:
    """The order that ``sort`` and ``order`` ask for; the worst first by default.

    :raises RequestError: an order that does not exist.
    """
    sort, direction = arguments.get("sort", "severity"), arguments.get("order", "desc")
    if sort not in _SORTS or direction not in ("asc", "desc"):
        raise RequestError(f"sort must be one of {', '.join(_SORTS)}, and order asc or desc.")
    return Order(sort, direction == "desc")
