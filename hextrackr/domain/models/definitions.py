"""Definitions: what a scanner looks for. Long text lives here once, not on every finding."""

from __future__ import annotations

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from hextrackr.db.base import Base

from .values import DefinitionValues


class Definition(DefinitionValues, Base):
    """A plugin, QID or NVT as one source reports it.

    ``key`` is the scanner's number for it, else its CVE, else its title. Kept for each source, so that two sources of one scanner
    never change each other's record.
    """

    __tablename__ = "definitions"
    __table_args__ = (UniqueConstraint("source_id", "key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(255))
    #: What else is known of it: a JSON object of labels and texts.
    details: Mapped[str | None] = mapped_column(Text, deferred=True)


class DefinitionCve(Base):
    """One CVE (or, where a vendor gives none, advisory id) of a definition."""

    __tablename__ = "definition_cves"
    __table_args__ = {"sqlite_with_rowid": False}

    definition_id: Mapped[int] = mapped_column(ForeignKey("definitions.id", ondelete="CASCADE"), primary_key=True)
    cve: Mapped[str] = mapped_column(String(64), primary_key=True, index=True)
