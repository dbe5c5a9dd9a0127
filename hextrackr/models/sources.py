"""Sources, and what was open in each on which day."""

from __future__ import annotations

from datetime import date

from sqlalchemy import ForeignKey, SmallInteger, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base


class Source(Base):
    """One feed of scans: a scanner, and a label where somebody has several of it. An import touches its own source only."""

    __tablename__ = "sources"
    __table_args__ = (UniqueConstraint("scanner", "label"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    scanner: Mapped[str] = mapped_column(String(40))
    label: Mapped[str] = mapped_column(String(100), default="")
    #: The newest scan date that was promoted; a scan older than this changes no present state.
    last_scan_date: Mapped[date | None]


class DailyTotal(Base):
    """What was open in a source after the scans of one day, by severity, and what they changed."""

    __tablename__ = "daily_totals"

    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id", ondelete="CASCADE"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    severity: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    open: Mapped[int]
    vpr_sum: Mapped[float]
    opened: Mapped[int] = mapped_column(default=0)
    resolved: Mapped[int] = mapped_column(default=0)
    reopened: Mapped[int] = mapped_column(default=0)


class StateTotal(Base):
    """How many findings a source has in each state now, by severity: what pages ask for at any time and nobody should count anew."""

    __tablename__ = "state_totals"

    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id", ondelete="CASCADE"), primary_key=True)
    lifecycle: Mapped[str] = mapped_column(String(10), primary_key=True)
    severity: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    findings: Mapped[int]
    vpr_sum: Mapped[float]
