"""Assets: what was scanned."""

from __future__ import annotations

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base
from .values import AssetValues


class Asset(AssetValues, Base):
    """A host as one source knows it.

    ``key`` is the scanner's own id, else the FQDN (lower case), else the NetBIOS name, else the IP.
    """

    __tablename__ = "assets"
    __table_args__ = (UniqueConstraint("source_id", "key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(255))
    #: What else is known of it: a JSON object of labels and texts.
    details: Mapped[str | None] = mapped_column(Text, deferred=True)
