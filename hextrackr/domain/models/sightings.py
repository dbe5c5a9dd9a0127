"""Sightings: when findings were seen last, told once for all that were seen together."""

from __future__ import annotations

from datetime import date

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from hextrackr.db.base import Base


class Sighting(Base):
    """The day on which the findings of a source that refer to it were seen last.

    A scan sees most findings of its source again. So it moves the ``day`` on, and lets the few others refer to another sighting: the
    findings themselves need not be written. Several sightings of a source may have the same day.
    """

    __tablename__ = "sightings"
    __table_args__ = (Index("ix_sightings_day", "source_id", "day"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id", ondelete="CASCADE"))
    day: Mapped[date]
