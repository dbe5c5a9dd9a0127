"""The history of findings: what each import did to them.

Most findings are opened once and never change, so that an opening is not kept as a row: a finding names the import that opened it, and
its values then are those before its first change. The view ``finding_events``, made by a migration, tells openings and changes alike.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from sqlalchemy import ForeignKey, MetaData, SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from hextrackr.db.base import Base


class EventKind(StrEnum):
    """What an import did to a finding."""

    OPENED = "opened"
    CHANGED = "changed"
    REOPENED = "reopened"
    RESOLVED = "resolved"


class _Event:
    """With the values before, a finding's state on any past date can be told."""

    kind: Mapped[str] = mapped_column(String(10))
    day: Mapped[date]
    severity: Mapped[int] = mapped_column(SmallInteger)
    vpr: Mapped[float | None]
    cvss: Mapped[float | None]
    severity_before: Mapped[int | None] = mapped_column(SmallInteger)
    vpr_before: Mapped[float | None]
    cvss_before: Mapped[float | None]
    lifecycle_before: Mapped[str | None] = mapped_column(String(10))


class FindingChange(_Event, Base):
    """What an import did to a finding that was on record."""

    __tablename__ = "finding_changes"
    __table_args__ = {"sqlite_with_rowid": False}

    import_id: Mapped[int] = mapped_column(
        ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True, sort_order=-2
    )
    finding_id: Mapped[int] = mapped_column(
        ForeignKey("findings.id", ondelete="CASCADE"), primary_key=True, index=True, sort_order=-1
    )


class _Views(Base):
    """What is read only; a metadata of its own keeps it from being made or migrated as a table."""

    __abstract__ = True
    metadata = MetaData()


class FindingEvent(_Event, _Views):
    """One line of a finding's history; an opening has no values before. Read only."""

    __tablename__ = "finding_events"

    import_id: Mapped[int] = mapped_column(primary_key=True, sort_order=-2)
    finding_id: Mapped[int] = mapped_column(primary_key=True, sort_order=-1)
