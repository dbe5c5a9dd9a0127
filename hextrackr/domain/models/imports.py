"""Imports and the rows they could not take over."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String, Text, false
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column

from hextrackr.db.base import Base


class ImportState(StrEnum):
    """``queued -> reading -> staging -> promoting -> completed``; the others are where it can end or wait instead."""

    QUEUED = "queued"
    READING = "reading"
    STAGING = "staging"
    PROMOTING = "promoting"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    AWAITING_CONFIRMATION = "awaiting-confirmation"


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
    """What an import resolves: all that is absent, only what is absent on the hosts in the file, nothing."""

    FULL = "full"
    HOSTS = "hosts"
    DELTA = "delta"


class Import(Base):
    """One file and what became of it. Instants are milliseconds since the epoch."""

    __tablename__ = "imports"
    __table_args__ = (
        Index("ix_imports_state", "state"),
        Index("ix_imports_session_id", "session_id"),
        Index("ix_imports_source", "source_id", "place"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    session_id: Mapped[str] = mapped_column(String(36))
    filename: Mapped[str] = mapped_column(String(255))
    file_size: Mapped[int] = mapped_column(BigInteger)
    #: The stored upload's name within the upload folder; empty once it is gone.
    upload: Mapped[str] = mapped_column(String(64), default="")
    vendor: Mapped[str] = mapped_column(String(100), default="")
    scanner: Mapped[str] = mapped_column(String(40), default="")
    source_label: Mapped[str] = mapped_column(String(100), default="")
    source_id: Mapped[int | None] = mapped_column(ForeignKey("sources.id"))
    mode: Mapped[str] = mapped_column(String(10), default=ImportMode.FULL)
    scan_date: Mapped[date | None]
    #: What it was taken from: ``form``, ``report``, ``data``, ``filename`` or ``today``; None as long as that is not known.
    scan_date_from: Mapped[str | None] = mapped_column(String(10))
    confirmed: Mapped[bool] = mapped_column(default=False)
    #: Its question was answered since it was asked: it is staged whole, and goes on without being read again.
    answered: Mapped[bool] = mapped_column(default=False, server_default=false())
    #: The file's SHA-256, in hex, if whoever has stored it has told; and what it stands for as it was read, see
    #: ``ingest/duplicate_file.py``.
    digest: Mapped[str | None] = mapped_column(String(64))
    fingerprint: Mapped[str | None] = mapped_column(String(64))
    #: ``day-first`` or ``month-first`` if the user has said how the file writes dates in numbers.
    date_order: Mapped[str | None] = mapped_column(String(12))
    #: Show what the import would do and await a confirmation, whatever it resolves.
    preview: Mapped[bool] = mapped_column(default=False)

    state: Mapped[str] = mapped_column(String(24), default=ImportState.QUEUED)
    attempts: Mapped[int] = mapped_column(default=0)
    #: Who works on it, and until when that holds without being renewed. The epoch rises with each owner: whoever writes under an
    #: older one finds nothing to write to.
    owner: Mapped[str] = mapped_column(String(100), default="")
    epoch: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[int] = mapped_column(BigInteger, default=0)
    created_at: Mapped[int] = mapped_column(BigInteger)
    started_at: Mapped[int | None] = mapped_column(BigInteger)
    finished_at: Mapped[int | None] = mapped_column(BigInteger)
    error_code: Mapped[str | None] = mapped_column(String(32))
    error_detail: Mapped[str | None] = mapped_column(Text)

    rows_read: Mapped[int] = mapped_column(default=0)
    blank: Mapped[int] = mapped_column(default=0)
    merged: Mapped[int] = mapped_column(default=0)
    rejected: Mapped[int] = mapped_column(default=0)
    staged: Mapped[int] = mapped_column(default=0)
    #: How many of the staged findings are open: if none, nothing is resolved by absence.
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
    #: The span of ids that the findings lie in which it put on record: those among them that name it. None if there were none.
    first_finding: Mapped[int | None]
    last_finding: Mapped[int | None]
    undone_at: Mapped[int | None] = mapped_column(BigInteger)
    #: How the file was understood, see ``ingest/recognition.py``.
    recognition: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    warnings: Mapped[list[str]] = mapped_column(JSON, default=list)
    summary: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)

    @hybrid_property
    def goes_on(self) -> bool:
        """Whether its question was answered, and nobody has taken it up since; of a row, or as a condition on rows."""
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
