"""Staging: one import's file as neutral records, deduplicated, before it touches anything.

Findings refer to assets and definitions by their number within the import; promotion fills in the ids of the final tables.
"""

from __future__ import annotations

from datetime import date

from sqlalchemy import SmallInteger, String, Text
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from .base import Base


class _Staged:
    """What all four have: they belong to an import and are numbered within it. No foreign keys: short-lived and many."""

    @declared_attr.directive
    @classmethod
    def __table_args__(cls) -> dict[str, bool]:
        return {"sqlite_with_rowid": False}

    import_id: Mapped[int] = mapped_column(primary_key=True, sort_order=-2)
    number: Mapped[int] = mapped_column(primary_key=True, sort_order=-1)


class StagedAsset(_Staged, Base):
    """An asset the file names."""

    __tablename__ = "staging_assets"

    key: Mapped[str] = mapped_column(String(255))
    name: Mapped[str | None] = mapped_column(String(255))
    fqdn: Mapped[str | None] = mapped_column(String(255))
    netbios: Mapped[str | None] = mapped_column(String(255))
    ip: Mapped[str | None] = mapped_column(String(45))
    os: Mapped[str | None] = mapped_column(String(255))
    last_seen: Mapped[date | None]
    asset_id: Mapped[int | None]


class StagedDefinition(_Staged, Base):
    """A definition the file names."""

    __tablename__ = "staging_definitions"

    key: Mapped[str] = mapped_column(String(255))
    title: Mapped[str] = mapped_column(Text)
    family: Mapped[str | None] = mapped_column(String(255))
    description: Mapped[str | None] = mapped_column(Text)
    solution: Mapped[str | None] = mapped_column(Text)
    see_also: Mapped[str | None] = mapped_column(Text)
    cvss_vector: Mapped[str | None] = mapped_column(String(255))
    cvss: Mapped[float | None]
    vpr: Mapped[float | None]
    epss: Mapped[float | None]
    published: Mapped[date | None]
    updated: Mapped[date | None]
    definition_id: Mapped[int | None]


class StagedCve(_Staged, Base):
    """One CVE of the staged definition with this ``number``."""

    __tablename__ = "staging_cves"

    cve: Mapped[str] = mapped_column(String(64), primary_key=True)


class StagedFinding(_Staged, Base):
    """A finding the file names; ``state`` is what the scanner says: -1 tested and not there, 0 fixed, 1 open, 2 open again."""

    __tablename__ = "staging_findings"

    asset_number: Mapped[int]
    definition_number: Mapped[int]
    port: Mapped[int]
    protocol: Mapped[str] = mapped_column(String(10))
    severity: Mapped[int] = mapped_column(SmallInteger)
    vpr: Mapped[float | None]
    cvss: Mapped[float | None]
    first_seen: Mapped[date | None]
    last_seen: Mapped[date | None]
    state: Mapped[int] = mapped_column(SmallInteger)
