"""What users have said of files that no format knows."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from hextrackr.db.base import Base


class SavedMapping(Base):
    """A header that somebody has mapped: files with these columns are recognised from then on.

    ``header`` holds the column names as they are compared (normalised), ``fields`` our field names to their columns.
    """

    __tablename__ = "saved_mappings"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    header: Mapped[list[str]] = mapped_column(JSON)
    fields: Mapped[dict[str, str]] = mapped_column(JSON)
    severity_scale: Mapped[str] = mapped_column(String(20))
    day_first: Mapped[bool]
    created_at: Mapped[int] = mapped_column(BigInteger)
