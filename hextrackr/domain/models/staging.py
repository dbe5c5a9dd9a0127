"""Staging: one import's file as neutral records, deduplicated, before it touches anything.

Findings refer to assets, definitions and observations by their number within the import; promotion fills in the ids of the final tables.
"""

from __future__ import annotations

from datetime import date

from sqlalchemy import BigInteger, SmallInteger, String, Text, false
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from hextrackr.db.base import Base

from .values import AssetValues, DefinitionValues
from .weights import Weight


class _Staged:
    """What all have: they belong to an import and are numbered within it. No foreign keys: short-lived and many."""

    @declared_attr.directive
    @classmethod
    def __table_args__(cls) -> dict[str, bool]:
        return {"sqlite_with_rowid": False}

    import_id: Mapped[int] = mapped_column(primary_key=True, sort_order=-2)
    number: Mapped[int] = mapped_column(primary_key=True, sort_order=-1)


class StagedAsset(AssetValues, Weight, _Staged, Base):
    """An asset the file names, and what the file has open on it."""

    __tablename__ = "staging_assets"

    key: Mapped[str] = mapped_column(String(255))
    asset_id: Mapped[int | None]


class StagedDefinition(DefinitionValues, Weight, _Staged, Base):
    """A definition the file names, and what the file has open of it; ``titled`` if its key is its title, or a CVE, for want of an id."""

    __tablename__ = "staging_definitions"

    key: Mapped[str] = mapped_column(String(255))
    definition_id: Mapped[int | None]
    titled: Mapped[bool] = mapped_column(server_default=false())


class StagedIdentifier(_Staged, Base):
    """What the staged asset with this ``number`` is known by, see :class:`hextrackr.domain.models.AssetIdentifier`."""

    __tablename__ = "staging_identifiers"

    kind: Mapped[str] = mapped_column(String(10), primary_key=True)
    realm: Mapped[str] = mapped_column(String(255), primary_key=True)
    value: Mapped[str] = mapped_column(String(255), primary_key=True)


class StagedUnchecked(_Staged, Base):
    """What a rejected row is about, as far as it can be read: nothing of that is resolved by absence. Without a value any is meant."""

    __tablename__ = "staging_unchecked"

    asset_number: Mapped[int | None]
    definition_number: Mapped[int | None]
    port: Mapped[int | None]
    protocol: Mapped[str | None] = mapped_column(String(10))


class StagedCve(_Staged, Base):
    """One CVE of the staged definition with this ``number``."""

    __tablename__ = "staging_cves"

    cve: Mapped[str] = mapped_column(String(64), primary_key=True)


class StagedObservation(_Staged, Base):
    """What the scanner says of many findings alike, each once: a file has far fewer of these than of findings.

    ``state`` is one of :mod:`hextrackr.domain.verdicts`; ``findings`` says of how many.
    """

    __tablename__ = "staging_observations"

    protocol: Mapped[str] = mapped_column(String(10))
    severity: Mapped[int] = mapped_column(SmallInteger)
    vpr: Mapped[float | None]
    cvss: Mapped[float | None]
    first_seen: Mapped[date | None]
    last_seen: Mapped[date | None]
    #: When the scanner found them to be fixed, where it says so.
    resolved_on: Mapped[date | None]
    state: Mapped[int] = mapped_column(SmallInteger)
    findings: Mapped[int]
    sighting_id: Mapped[int | None]


class StagedFinding(_Staged, Base):
    """A finding the file names."""

    __tablename__ = "staging_findings"

    asset_number: Mapped[int]
    definition_number: Mapped[int]
    port: Mapped[int]
    observation_number: Mapped[int]
    evidence_number: Mapped[int | None]


class StagedEvidence(_Staged, Base):
    """The digest of a text that findings of the file have; the text goes straight to :class:`hextrackr.domain.models.Evidence`."""

    __tablename__ = "staging_evidence"

    digest: Mapped[int] = mapped_column(BigInteger)


#: Levels of details.
ASSET_LEVEL, DEFINITION_LEVEL = 0, 1


class StagedDetails(_Staged, Base):
    """What else the file says of the staged asset (level 0) or definition (level 1) with this ``number``, as JSON."""

    __tablename__ = "staging_details"

    level: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    details: Mapped[str] = mapped_column(Text)
