"""Findings: which definition stands on which asset."""

from __future__ import annotations

from datetime import date
from enum import IntEnum, StrEnum

from sqlalchemy import Computed, ForeignKey, Index, SmallInteger, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from hextrackr.db.base import Base


class Severity(IntEnum):
    """The scale that every scanner's words and numbers are mapped to."""

    INFO = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4


#: The order in which severities are told.
WORST_FIRST = tuple(reversed(Severity))


class Lifecycle(StrEnum):
    """``reopened`` is open as well; a finding that came back stays on record as such."""

    ACTIVE = "active"
    REOPENED = "reopened"
    RESOLVED = "resolved"


GRADE = "CASE lifecycle WHEN 'resolved' THEN 0 WHEN 'active' THEN 5 ELSE 10 END + severity"
#: The least grade that is open.
OPEN_GRADE = 5


def grade(lifecycle: str, severity: int) -> int:
    """Lifecycle and severity (0..4) as one number, 0..14; what is open has at least :data:`OPEN_GRADE`."""
    return {Lifecycle.RESOLVED.value: 0, Lifecycle.ACTIVE.value: 5}.get(lifecycle, 10) + severity


class Finding(Base):
    """Identity: source + asset + definition + port + protocol (an asset belongs to one source). Port 0 is "no port"."""

    __tablename__ = "findings"
    __table_args__ = (
        UniqueConstraint("asset_id", "definition_id", "port", "protocol", name="uq_findings_identity"),
        Index("ix_findings_vpr", "source_id", "grade", "vpr"),
        Index("ix_findings_cvss", "source_id", "grade", "cvss"),
        Index("ix_findings_first_seen", "source_id", "grade", "first_seen"),
        Index("ix_findings_sighting", "sighting_id", "grade"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id", ondelete="CASCADE"))
    asset_id: Mapped[int] = mapped_column(ForeignKey("assets.id", ondelete="CASCADE"))
    definition_id: Mapped[int] = mapped_column(ForeignKey("definitions.id", ondelete="CASCADE"), index=True)
    port: Mapped[int] = mapped_column(index=True)
    protocol: Mapped[str] = mapped_column(String(10))
    severity: Mapped[int] = mapped_column(SmallInteger)
    vpr: Mapped[float | None]
    cvss: Mapped[float | None]
    first_seen: Mapped[date]
    lifecycle: Mapped[str] = mapped_column(String(10))
    resolved_on: Mapped[date | None]
    #: The import that put it on record; that it was opened then is told by this alone, see :mod:`.events`.
    opened_by: Mapped[int | None]
    #: Tells when it was seen last. Every finding has one; SQLite adds no column that must refer to something.
    sighting_id: Mapped[int | None] = mapped_column(ForeignKey("sightings.id"))
    #: The text of the latest scan that had one, see :mod:`.evidence`. No foreign key: to remove a text would be to look through all.
    evidence_id: Mapped[int | None]
    #: Lifecycle and severity as one number, see :func:`grade`: what indexes begin with, so that a page of any of them is found in order.
    grade: Mapped[int] = mapped_column(SmallInteger, Computed(GRADE, persisted=False))
