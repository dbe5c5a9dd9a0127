"""The tables, in plain SQLAlchemy, so that the importer process needs no Flask.

::

    Source ──┬─< SourceAlias
             ├─< Asset ──────┐
             ├─< Definition ─┼─< Finding ─< FindingChange >─ Import ─< Reject
             ├─< Sighting ───┤
             └─< DailyTotal  │
                 Definition ─┴─< DefinitionCve
"""

from __future__ import annotations

from datetime import date
from enum import IntEnum, StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Computed,
    ForeignKey,
    Index,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    false,
    select,
    text,
)
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, Session, declared_attr, mapped_column

from hextrackr.db import Base

from .fields import FINDING, FindingFields, HostFields, VulnerabilityFields

# The weight of each asset and each definition: its open findings by severity, and their VPR.
#
# Every import updates them, so that the worst ones are found without reading the findings. Without an open finding there is no row.


class Weight:
    """Open findings; ``vpr_sum`` is rounded to two places."""

    critical: Mapped[int]
    high: Mapped[int]
    medium: Mapped[int]
    low: Mapped[int]
    info: Mapped[int]
    vpr_sum: Mapped[float]


class AssetWeight(Weight, Base):
    """The open findings of an asset."""

    __tablename__ = "asset_weights"

    asset_id: Mapped[int] = mapped_column(
        ForeignKey("assets.id", ondelete="CASCADE"), primary_key=True, autoincrement=False, sort_order=-1
    )


class DefinitionWeight(Weight, Base):
    """The open findings of a definition."""

    __tablename__ = "definition_weights"

    definition_id: Mapped[int] = mapped_column(
        ForeignKey("definitions.id", ondelete="CASCADE"), primary_key=True, autoincrement=False, sort_order=-1
    )


# Sources, and their open findings by day.


_NEW = text("INSERT INTO sources (scanner, label) VALUES (:scanner, :label) ON CONFLICT DO NOTHING")


class Source(Base):
    """One feed of scans: a scanner, and a label if there are several of it. An import changes only its own source."""

    __tablename__ = "sources"
    __table_args__ = (UniqueConstraint("scanner", "label"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    scanner: Mapped[str] = mapped_column(String(40))
    label: Mapped[str] = mapped_column(String(100), default="")
    #: The newest scan date that was promoted; an older scan does not change the current state.
    last_scan_date: Mapped[date | None]
    #: The day from which on nothing of it counts as open; the next import makes it active again.
    retired_on: Mapped[date | None]
    #: The first place of an import that can be undone: those before it were imported before the source was merged with another one.
    undoable_from: Mapped[int] = mapped_column(default=0, server_default=text("0"))


class SourceAlias(Base):
    """A label that a source had before, or that a source had which was merged into it: imports under this label go to this source."""

    __tablename__ = "source_aliases"
    __table_args__ = {"sqlite_with_rowid": False}

    scanner: Mapped[str] = mapped_column(String(40), primary_key=True)
    label: Mapped[str] = mapped_column(String(100), primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id", ondelete="CASCADE"), index=True)


def find_source(session: Session, scanner: str, label: str) -> Source | None:
    """The source of this scanner that has this label, else the one that has it as an alias."""
    found = session.scalars(select(Source).filter_by(scanner=scanner, label=label)).one_or_none()
    if found is None:
        alias = session.get(SourceAlias, (scanner, label))
        found = None if alias is None else session.get(Source, alias.source_id)
    return found


def source_of(session: Session, scanner: str, label: str) -> Source:
    """The source that :func:`find_source` finds; made if there is none."""
    source = find_source(session, scanner, label)
    if source is None:  # on PostgreSQL another process may find so at the same moment
        session.execute(_NEW, {"scanner": scanner, "label": label})
        source = session.scalars(select(Source).filter_by(scanner=scanner, label=label)).one()
    return source


class DailyTotal(Base):
    """The open findings of a source after the scans of one day, by severity, and the changes of these scans."""

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
    """The number of findings of a source in each state now, by severity, so that pages need not count them."""

    __tablename__ = "state_totals"

    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id", ondelete="CASCADE"), primary_key=True)
    lifecycle: Mapped[str] = mapped_column(String(10), primary_key=True)
    severity: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    findings: Mapped[int]
    vpr_sum: Mapped[float]


# The version of the record, see record_version.py.


class RecordVersion(Base):
    """The version of the record, in one row. ``stamp`` is random, to distinguish two states with the same number."""

    __tablename__ = "record_version"

    id: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    stamp: Mapped[str] = mapped_column(String(32))


class RecordChange(Base):
    """The change that made one of the latest versions: by an import that was promoted or undone, or by something else (None)."""

    __tablename__ = "record_changes"

    version: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    stamp: Mapped[str] = mapped_column(String(32))
    import_id: Mapped[int | None]


# Imports and their rejected rows.


class ImportState(StrEnum):
    """``queued -> reading -> staging -> promoting -> completed``; the others are other ends, or a wait."""

    QUEUED = "queued"
    READING = "reading"
    STAGING = "staging"
    PROMOTING = "promoting"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    AWAITING_CONFIRMATION = "awaiting-confirmation"


#: SQL: the condition for the imports that make up the record: completed, and not undone.
CURRENT_IMPORT = "state = 'completed' AND undone_at IS NULL"
FINISHED = (ImportState.COMPLETED, ImportState.FAILED, ImportState.CANCELLED)
RUNNING = (ImportState.READING, ImportState.STAGING, ImportState.PROMOTING)


class DateOrigin(StrEnum):
    """What a scan's date was taken from."""

    FORM = "form"
    REPORT = "report"
    DATA = "data"
    FILENAME = "filename"
    TODAY = "today"


class ImportMode(StrEnum):
    """The findings that an import resolves by absence: all of the source, only those on hosts in the file, or none."""

    FULL = "full"
    HOSTS = "hosts"
    DELTA = "delta"


class Import(Base):
    """One import of a file, and its result. Times are milliseconds since the epoch."""

    __tablename__ = "imports"
    __table_args__ = (
        Index("ix_imports_state", "state"),
        Index("ix_imports_session_id", "session_id"),
        Index("ix_imports_source", "source_id", "place"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    session_id: Mapped[str] = mapped_column(String(64))
    filename: Mapped[str] = mapped_column(String(255))
    file_size: Mapped[int] = mapped_column(BigInteger)
    #: The stored upload's name within the upload folder; empty once it is gone.
    upload: Mapped[str] = mapped_column(String(64), default="")
    #: The user who has uploaded it; empty if there is no sign-in.
    started_by: Mapped[str] = mapped_column(String(255), default="", server_default=text("''"))
    vendor: Mapped[str] = mapped_column(String(100), default="")
    scanner: Mapped[str] = mapped_column(String(40), default="")
    source_label: Mapped[str] = mapped_column(String(100), default="")
    source_id: Mapped[int | None] = mapped_column(ForeignKey("sources.id"))
    mode: Mapped[str] = mapped_column(String(10), default=ImportMode.FULL)
    scan_date: Mapped[date | None]
    #: What it was taken from: ``form``, ``report``, ``data``, ``filename`` or ``today``; None before it is determined.
    scan_date_from: Mapped[str | None] = mapped_column(String(10))
    confirmed: Mapped[bool] = mapped_column(default=False)
    #: Its question was answered: it is fully staged, and continues without being read again.
    answered: Mapped[bool] = mapped_column(default=False, server_default=false())
    #: The file's SHA-256, in hex, if the upload computed it; and the fingerprint of the file as it was read, see
    #: ``ingest/duplicate_file.py``.
    digest: Mapped[str | None] = mapped_column(String(64))
    fingerprint: Mapped[str | None] = mapped_column(String(64))
    #: ``day-first`` or ``month-first`` if the user has chosen the order in numeric dates.
    date_order: Mapped[str | None] = mapped_column(String(12))
    #: Show what the import would do and await a confirmation, whatever it resolves.
    preview: Mapped[bool] = mapped_column(default=False)

    state: Mapped[str] = mapped_column(String(24), default=ImportState.QUEUED)
    attempts: Mapped[int] = mapped_column(default=0)
    #: The process that works on it, and the end of its lease. The epoch rises with each owner: writes under an older epoch have no
    #: effect.
    owner: Mapped[str] = mapped_column(String(100), default="")
    epoch: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[int] = mapped_column(BigInteger, default=0)
    created_at: Mapped[int] = mapped_column(BigInteger)
    started_at: Mapped[int | None] = mapped_column(BigInteger)
    finished_at: Mapped[int | None] = mapped_column(BigInteger)
    error_code: Mapped[str | None] = mapped_column(String(32))
    error_detail: Mapped[str | None] = mapped_column(Text)
    #: How long it was worked on, without waiting, and its progress when the work last stopped: ``duration``, ``stepSeconds``,
    #: ``progress`` and ``currentStep``, as in the progress contract; None before any work.
    work: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))

    rows_read: Mapped[int] = mapped_column(default=0)
    blank: Mapped[int] = mapped_column(default=0)
    merged: Mapped[int] = mapped_column(default=0)
    rejected: Mapped[int] = mapped_column(default=0)
    staged: Mapped[int] = mapped_column(default=0)
    #: The number of open ones among the staged findings: if there are none, nothing is resolved by absence.
    open_staged: Mapped[int] = mapped_column(default=0)
    inserted: Mapped[int] = mapped_column(default=0)
    updated: Mapped[int] = mapped_column(default=0)
    reopened: Mapped[int] = mapped_column(default=0)
    resolved: Mapped[int] = mapped_column(default=0)
    unchanged: Mapped[int] = mapped_column(default=0)
    #: What the import would do, while it awaits confirmation: its figures, and its summary.
    forecast: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    #: The place in the order in which the imports of its source were promoted; an import without a finding has none.
    place: Mapped[int | None]
    #: The range of ids of the findings that it added; those in the range that name it. None if there were none.
    first_finding: Mapped[int | None]
    last_finding: Mapped[int | None]
    undone_at: Mapped[int | None] = mapped_column(BigInteger)
    #: How the file was understood, see ``ingest/recognition.py``.
    recognition: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    warnings: Mapped[list[str]] = mapped_column(JSON, default=list)
    summary: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)

    @hybrid_property
    def goes_on(self) -> bool:
        """Whether its question was answered, and no process has claimed it since; of a row, or as a condition on rows."""
        return (self.state == ImportState.PROMOTING) & self.answered & (self.lease_until == 0)


class Reject(Base):
    """A row that was not imported, and why. ``line`` counts the lines of the file as an editor does, from 1."""

    __tablename__ = "rejects"

    id: Mapped[int] = mapped_column(primary_key=True)
    import_id: Mapped[int] = mapped_column(ForeignKey("imports.id", ondelete="CASCADE"), index=True)
    line: Mapped[int]
    column: Mapped[str] = mapped_column(String(255))
    value: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)


# Assets: what was scanned.


class Asset(HostFields, Base):
    """A host of one source.

    It is recognised by its :class:`AssetIdentifier` rows; ``key`` is its first identifier: an id, else a name, else an address, with a
    number appended if another asset has the same.
    """

    __tablename__ = "assets"
    __table_args__ = (UniqueConstraint("source_id", "key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(255))
    #: Its details: a JSON object of labels and texts.
    details: Mapped[str | None] = mapped_column(Text, deferred=True)


def display_name(prefix: str = "") -> str:
    """SQL: the display name of an asset; ``prefix`` is put before the names of its columns."""
    return f"coalesce({prefix}name, {prefix}fqdn, {prefix}netbios, {prefix}ip, {prefix}key)"


class AssetIdentifier(Base):
    """An identifier of a host within its source: of the kind ``id``, ``name`` or ``address``.

    ``value`` is in the form in which it is compared: names in lower case without a final dot, addresses in canonical form. ``realm``, such
    as a repository of Security Center, keeps equal names and addresses apart; an id has none. ``inherited`` rows were made from the columns
    of an asset that is older than this table.
    """

    __tablename__ = "asset_identifiers"
    __table_args__ = (Index("ix_asset_identifiers_asset_id", "asset_id"), {"sqlite_with_rowid": False})

    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id", ondelete="CASCADE"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(10), primary_key=True)
    value: Mapped[str] = mapped_column(String(255), primary_key=True)
    realm: Mapped[str] = mapped_column(String(255), primary_key=True)
    asset_id: Mapped[int] = mapped_column(ForeignKey("assets.id", ondelete="CASCADE"), primary_key=True)
    inherited: Mapped[bool] = mapped_column(default=False)


# Definitions: what a scanner looks for. Long text lives here once, not on every finding.


class Definition(VulnerabilityFields, Base):
    """A plugin, QID or NVT as one source reports it.

    ``key`` is the scanner's number for it, else its CVE, else its title. Each source has its own, so that two sources of one scanner never
    change each other's findings.
    """

    __tablename__ = "definitions"
    __table_args__ = (UniqueConstraint("source_id", "key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(255))
    #: Its details: a JSON object of labels and texts.
    details: Mapped[str | None] = mapped_column(Text, deferred=True)


class DefinitionCve(Base):
    """One CVE of a definition, or the id of an advisory if there is no CVE."""

    __tablename__ = "definition_cves"
    __table_args__ = {"sqlite_with_rowid": False}

    definition_id: Mapped[int] = mapped_column(ForeignKey("definitions.id", ondelete="CASCADE"), primary_key=True)
    cve: Mapped[str] = mapped_column(String(64), primary_key=True, index=True)


# Sightings: the day on which findings were last seen, stored once for all that were seen together.


class Sighting(Base):
    """The day on which the findings that refer to it were last seen.

    A scan sees most findings of its source again. So it changes the ``day``, and assigns the few others to another sighting: most findings
    need not be written. Several sightings of a source may have the same day.
    """

    __tablename__ = "sightings"
    __table_args__ = (Index("ix_sightings_day", "source_id", "day"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id", ondelete="CASCADE"))
    day: Mapped[date]


# Evidence: what scanners saw, such as the output of a plugin.


class Evidence(Base):
    """A text, stored once, however many findings refer to it. It is written when an import has staged its digest, before any finding refers
    to it, and deleted by a clean-up when none does any more.

    ``digest`` is half of its MD5, 63 bits, by which it is looked up.
    """

    __tablename__ = "evidence"

    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[int] = mapped_column(BigInteger, index=True)
    text: Mapped[str] = mapped_column(Text)


# Findings: the vulnerabilities of each asset.


class Severity(IntEnum):
    """The scale to which the severities of all scanners are mapped."""

    INFO = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4


#: The order in which severities are shown.
WORST_FIRST = tuple(reversed(Severity))


class Lifecycle(StrEnum):
    """``reopened`` is open as well; it marks a finding that came back."""

    ACTIVE = "active"
    REOPENED = "reopened"
    RESOLVED = "resolved"


#: The states of an open finding.
OPEN = (Lifecycle.ACTIVE, Lifecycle.REOPENED)


def is_open(lifecycle: str) -> str:
    """SQL: the condition that a :class:`Lifecycle` is that of an open finding: any but resolved."""
    return f"{lifecycle} <> 'resolved'"


class Finding(FindingFields, Base):
    """Identity: source + asset + definition + port + protocol (an asset belongs to one source). Port 0 is "no port"."""

    __tablename__ = "findings"
    __table_args__ = (
        UniqueConstraint("asset_id", "definition_id", "port", "protocol", name="uq_findings_identity"),
        Index("ix_findings_sighting", "sighting_id", "is_open"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id", ondelete="CASCADE"))
    asset_id: Mapped[int] = mapped_column(ForeignKey("assets.id", ondelete="CASCADE"))
    definition_id: Mapped[int] = mapped_column(ForeignKey("definitions.id", ondelete="CASCADE"), index=True)
    port: Mapped[int]
    protocol: Mapped[str] = mapped_column(String(10))
    severity: Mapped[int] = mapped_column(SmallInteger)
    first_seen: Mapped[date]
    lifecycle: Mapped[str] = mapped_column(String(10))
    resolved_on: Mapped[date | None]
    #: The import that added it; there is no :class:`FindingChange` for that.
    opened_by: Mapped[int | None]
    #: The day on which it was last seen. Every finding has one; nullable because SQLite cannot add a required reference to a table.
    sighting_id: Mapped[int | None] = mapped_column(ForeignKey("sightings.id"))
    #: The text of the latest scan that had one, see :class:`Evidence`. Without a foreign key, as deleting a text would search all findings.
    evidence_id: Mapped[int | None]
    is_open: Mapped[bool] = mapped_column(Computed(is_open("lifecycle"), persisted=False))


# The history of findings: what each import did to them.
#
# Most findings are opened once and never change, so there is no row for the opening: a finding names the import that opened it, and its
# values then are those before its first change.


class EventKind(StrEnum):
    """What an import did to a finding."""

    OPENED = "opened"
    CHANGED = "changed"
    REOPENED = "reopened"
    RESOLVED = "resolved"


class _Event(FindingFields):
    """A change with the values before it, so that the state of a finding on any past day can be computed."""

    kind: Mapped[str] = mapped_column(String(10))
    day: Mapped[date]
    severity: Mapped[int] = mapped_column(SmallInteger)
    severity_before: Mapped[int | None] = mapped_column(SmallInteger)
    lifecycle_before: Mapped[str | None] = mapped_column(String(10))


#: The values before a change.
for _field in FINDING:
    setattr(
        _Event, f"{_field.name}_before", mapped_column(getattr(FindingFields, _field.name).column.type, nullable=True)
    )


class FindingChange(_Event, Base):
    """The change of an existing finding by an import."""

    __tablename__ = "finding_changes"
    __table_args__ = {"sqlite_with_rowid": False}

    import_id: Mapped[int] = mapped_column(
        ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True, sort_order=-2
    )
    finding_id: Mapped[int] = mapped_column(
        ForeignKey("findings.id", ondelete="CASCADE"), primary_key=True, index=True, sort_order=-1
    )


# Mappings of users for files that no format recognises.


class SavedMapping(Base):
    """A header that a user has mapped: files with these columns are recognised from then on.

    ``header`` holds the column names as they are compared (normalised), ``fields`` our field names to a column or several, ``meanings``
    what values of the severity and the state mean, and ``sample`` the header and the first rows of a file, to change the mapping when
    the file is gone; an old mapping has neither. What is deleted stays: its name is that of the scanner of what was imported with it.
    """

    __tablename__ = "saved_mappings"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    header: Mapped[list[str]] = mapped_column(JSON)
    fields: Mapped[dict[str, Any]] = mapped_column(JSON)
    severity_scale: Mapped[str] = mapped_column(String(20))
    day_first: Mapped[bool]
    created_at: Mapped[int] = mapped_column(BigInteger)
    meanings: Mapped[dict[str, dict[str, str]] | None] = mapped_column(JSON(none_as_null=True))
    sample: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    deleted_at: Mapped[int | None] = mapped_column(BigInteger)


# Staging: the rows of one import's file in the neutral schema, deduplicated, before they change the record.
#
# Findings refer to assets, definitions and observations by their number within the import; promotion fills in the ids of the final tables.


class _Staged:
    """The common columns: the import, and a number within it. Without foreign keys, as the rows are many and short-lived."""

    @declared_attr.directive
    @classmethod
    def __table_args__(cls) -> dict[str, bool]:
        return {"sqlite_with_rowid": False}

    import_id: Mapped[int] = mapped_column(primary_key=True, sort_order=-2)
    number: Mapped[int] = mapped_column(primary_key=True, sort_order=-1)


class StagedAsset(HostFields, Weight, _Staged, Base):
    """An asset in the file, with its open findings."""

    __tablename__ = "staging_assets"

    key: Mapped[str] = mapped_column(String(255))
    asset_id: Mapped[int | None]


class StagedDefinition(VulnerabilityFields, Weight, _Staged, Base):
    """A definition in the file, with its open findings; ``titled`` if it has no id, so that its key is its title or a CVE."""

    __tablename__ = "staging_definitions"

    key: Mapped[str] = mapped_column(String(255))
    definition_id: Mapped[int | None]
    titled: Mapped[bool] = mapped_column(server_default=false())


class StagedIdentifier(_Staged, Base):
    """An identifier of the staged asset with this ``number``, see :class:`hextrackr.domain.models.AssetIdentifier`."""

    __tablename__ = "staging_identifiers"

    kind: Mapped[str] = mapped_column(String(10), primary_key=True)
    realm: Mapped[str] = mapped_column(String(255), primary_key=True)
    value: Mapped[str] = mapped_column(String(255), primary_key=True)


class StagedUnchecked(_Staged, Base):
    """The host or finding of a rejected row, as far as it can be read: it is not resolved by absence. NULL means any."""

    __tablename__ = "staging_unchecked"

    asset_number: Mapped[int | None]
    definition_number: Mapped[int | None]
    port: Mapped[int | None]
    protocol: Mapped[str | None] = mapped_column(String(10))


class StagedCve(_Staged, Base):
    """One CVE of the staged definition with this ``number``."""

    __tablename__ = "staging_cves"

    cve: Mapped[str] = mapped_column(String(64), primary_key=True)


class StagedObservation(FindingFields, _Staged, Base):
    """Values that many findings share, stored once: a file has far fewer of these than of findings.

    ``state`` is one of :mod:`hextrackr.domain.verdicts`; ``findings`` is the number of findings.
    """

    __tablename__ = "staging_observations"

    protocol: Mapped[str] = mapped_column(String(10))
    severity: Mapped[int] = mapped_column(SmallInteger)
    first_seen: Mapped[date | None]
    last_seen: Mapped[date | None]
    #: When the scanner found them to be fixed, if the file has it.
    resolved_on: Mapped[date | None]
    state: Mapped[int] = mapped_column(SmallInteger)
    findings: Mapped[int]
    sighting_id: Mapped[int | None]


class StagedFinding(_Staged, Base):
    """A finding in the file."""

    __tablename__ = "staging_findings"

    asset_number: Mapped[int]
    definition_number: Mapped[int]
    port: Mapped[int]
    observation_number: Mapped[int]
    evidence_number: Mapped[int | None]


class StagedEvidence(_Staged, Base):
    """The digest of a text of evidence in the file; the text itself is in :class:`hextrackr.domain.models.Evidence`."""

    __tablename__ = "staging_evidence"

    digest: Mapped[int] = mapped_column(BigInteger)


#: Levels of details.
ASSET_LEVEL, DEFINITION_LEVEL = 0, 1


class StagedDetails(_Staged, Base):
    """The details of the staged asset (level 0) or definition (level 1) with this ``number``, as JSON."""

    __tablename__ = "staging_details"

    level: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    details: Mapped[str] = mapped_column(Text)


# The undo log: the values that an import overwrote, for each import that can still be undone.
#
# Without foreign keys, as the rows are many and short-lived. Inserted rows need no log: the findings name the import that opened them.


class _Before:
    """The common column: the import that overwrote the values."""

    @declared_attr.directive
    @classmethod
    def __table_args__(cls) -> dict[str, bool]:
        return {"sqlite_with_rowid": False}

    import_id: Mapped[int] = mapped_column(primary_key=True, sort_order=-2)


class FindingBefore(FindingFields, _Before, Base):
    """A finding before an import; without a ``lifecycle`` the import changed only the days on which it was seen, or its place.

    ``first_seen``, ``port`` and ``protocol``, and ``sighting_id`` are set if the import changed them.
    """

    __tablename__ = "undo_findings"

    finding_id: Mapped[int] = mapped_column(primary_key=True, sort_order=-1)
    first_seen: Mapped[date | None]
    severity: Mapped[int | None] = mapped_column(SmallInteger)
    lifecycle: Mapped[str | None] = mapped_column(String(10))
    resolved_on: Mapped[date | None]
    port: Mapped[int | None]
    protocol: Mapped[str | None] = mapped_column(String(10))
    sighting_id: Mapped[int | None]


class DayBefore(_Before, Base):
    """The day of a sighting before an import changed it; without a ``day`` the import created the sighting."""

    __tablename__ = "undo_days"

    sighting_id: Mapped[int] = mapped_column(primary_key=True, sort_order=-1)
    day: Mapped[date | None]


class AssetBefore(HostFields, _Before, Base):
    """An asset before an import."""

    __tablename__ = "undo_assets"

    asset_id: Mapped[int] = mapped_column(primary_key=True, sort_order=-1)


class IdentifierBefore(_Before, Base):
    """An identifier that an import ``added`` to an existing asset, or removed from it."""

    __tablename__ = "undo_identifiers"

    asset_id: Mapped[int] = mapped_column(primary_key=True, sort_order=-1)
    kind: Mapped[str] = mapped_column(String(10), primary_key=True)
    value: Mapped[str] = mapped_column(String(255), primary_key=True)
    realm: Mapped[str] = mapped_column(String(255), primary_key=True)
    added: Mapped[bool]
    inherited: Mapped[bool]


class DefinitionBefore(VulnerabilityFields, _Before, Base):
    """A definition before an import."""

    __tablename__ = "undo_definitions"

    definition_id: Mapped[int] = mapped_column(primary_key=True, sort_order=-1)


class CveBefore(_Before, Base):
    """A CVE that an import ``added`` to an existing definition, or removed from it."""

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
    """The evidence of a finding before an import changed it; NULL for none."""

    __tablename__ = "undo_evidence"

    finding_id: Mapped[int] = mapped_column(primary_key=True, sort_order=-1)
    evidence_id: Mapped[int | None]


class DetailsBefore(_Before, Base):
    """The details of an asset (level 0) or a definition (level 1) before an import added to them; NULL for none."""

    __tablename__ = "undo_details"

    subject_id: Mapped[int] = mapped_column(primary_key=True, sort_order=-1)
    level: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    details: Mapped[str | None] = mapped_column(Text)
