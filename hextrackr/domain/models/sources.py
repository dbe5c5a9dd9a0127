"""Sources, and what was open in each on which day."""

from __future__ import annotations

from datetime import date

from sqlalchemy import ForeignKey, SmallInteger, String, UniqueConstraint, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from hextrackr.db.base import Base

_NEW = text("INSERT INTO sources (scanner, label) VALUES (:scanner, :label) ON CONFLICT DO NOTHING")


class Source(Base):
    """One feed of scans: a scanner, and a label where somebody has several of it. An import touches its own source only."""

    __tablename__ = "sources"
    __table_args__ = (UniqueConstraint("scanner", "label"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    scanner: Mapped[str] = mapped_column(String(40))
    label: Mapped[str] = mapped_column(String(100), default="")
    #: The newest scan date that was promoted; a scan older than this changes no present state.
    last_scan_date: Mapped[date | None]


def source_of(session: Session, scanner: str, label: str) -> Source:
    """The source of this scanner with this label; made if there is none."""
    wanted = select(Source).filter_by(scanner=scanner, label=label)
    source = session.scalars(wanted).one_or_none()
    if source is None:  # on PostgreSQL another process may find so at the same moment
        session.execute(_NEW, {"scanner": scanner, "label": label})
        source = session.scalars(wanted).one()
    return source


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
