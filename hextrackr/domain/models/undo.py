"""What an import overwrote, so that it can be undone: the values before, for each import that can still be taken back.

Short-lived and many, so without foreign keys. What an import inserted needs no row here: the findings name the import that opened them.
"""

from __future__ import annotations

from datetime import date

from sqlalchemy import BigInteger, SmallInteger, String, Text
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from hextrackr.db.base import Base

from .values import AssetValues, DefinitionValues


class _Before:
    """What all have: the import that overwrote the values."""

    @declared_attr.directive
    @classmethod
    def __table_args__(cls) -> dict[str, bool]:
        return {"sqlite_with_rowid": False}

    import_id: Mapped[int] = mapped_column(primary_key=True, sort_order=-2)


class FindingBefore(_Before, Base):
    """A finding before an import; without a ``lifecycle`` the import changed nothing but when it was seen first, or where."""

    __tablename__ = "undo_findings"

    finding_id: Mapped[int] = mapped_column(primary_key=True, sort_order=-1)
    first_seen: Mapped[date | None]
    severity: Mapped[int | None] = mapped_column(SmallInteger)
    vpr: Mapped[float | None]
    cvss: Mapped[float | None]
    lifecycle: Mapped[str | None] = mapped_column(String(10))
    resolved_on: Mapped[date | None]
    port: Mapped[int | None]
    protocol: Mapped[str | None] = mapped_column(String(10))


#: So many findings make a block of sightings: a bit of a number for each, which its sign leaves positive.
BLOCK = 62


class SightingBefore(_Before, Base):
    """What told, before an import, when findings were seen last, where it let them refer to another sighting.

    There may be as many of them as findings. Finding ``id`` is bit ``id % BLOCK`` of the number in the row of block ``id / BLOCK``.
    """

    __tablename__ = "undo_sightings"

    block: Mapped[int] = mapped_column(primary_key=True, sort_order=-1)
    sighting_id: Mapped[int] = mapped_column(primary_key=True)
    findings: Mapped[int] = mapped_column(BigInteger)


class DayBefore(_Before, Base):
    """The day of a sighting before an import moved it on; without a ``day`` the import made the sighting."""

    __tablename__ = "undo_days"

    sighting_id: Mapped[int] = mapped_column(primary_key=True, sort_order=-1)
    day: Mapped[date | None]


class AssetBefore(AssetValues, _Before, Base):
    """An asset before an import."""

    __tablename__ = "undo_assets"

    asset_id: Mapped[int] = mapped_column(primary_key=True, sort_order=-1)


class IdentifierBefore(_Before, Base):
    """An identifier that an import ``added`` to an asset it found, or took from it."""

    __tablename__ = "undo_identifiers"

    asset_id: Mapped[int] = mapped_column(primary_key=True, sort_order=-1)
    kind: Mapped[str] = mapped_column(String(10), primary_key=True)
    value: Mapped[str] = mapped_column(String(255), primary_key=True)
    realm: Mapped[str] = mapped_column(String(255), primary_key=True)
    added: Mapped[bool]
    inherited: Mapped[bool]


class DefinitionBefore(DefinitionValues, _Before, Base):
    """A definition before an import."""

    __tablename__ = "undo_definitions"

    definition_id: Mapped[int] = mapped_column(primary_key=True, sort_order=-1)


class CveBefore(_Before, Base):
    """A CVE that an import added to a definition it found, or took from it."""

    __tablename__ = "undo_cves"

    definition_id: Mapped[int] = mapped_column(primary_key=True, sort_order=-1)
    cve: Mapped[str] = mapped_column(String(64), primary_key=True)
    added: Mapped[bool]


class TotalBefore(_Before, Base):
    """A daily total of the import's source before the import; without ``open`` there was none."""

    __tablename__ = "undo_totals"

    day: Mapped[date] = mapped_column(primary_key=True, sort_order=-1)
    severity: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    open: Mapped[int | None]
    vpr_sum: Mapped[float | None]
    opened: Mapped[int | None]
    resolved: Mapped[int | None]
    reopened: Mapped[int | None]


class EvidenceBefore(_Before, Base):
    """The evidence of a finding before an import gave it another one; NULL for none."""

    __tablename__ = "undo_evidence"

    finding_id: Mapped[int] = mapped_column(primary_key=True, sort_order=-1)
    evidence_id: Mapped[int | None]


class DetailsBefore(_Before, Base):
    """The details of an asset (level 0) or a definition (level 1) before an import added to them; NULL for none."""

    __tablename__ = "undo_details"

    subject_id: Mapped[int] = mapped_column(primary_key=True, sort_order=-1)
    level: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    details: Mapped[str | None] = mapped_column(Text)
