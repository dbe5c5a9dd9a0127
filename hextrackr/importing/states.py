"""Moves an import on from state to state, as long as it is this attempt's own."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, select, text, update
from sqlalchemy.orm import Session

from hextrackr.errors import Cancelled
from hextrackr.models import Import, Source
from hextrackr.models.imports import ImportState

from . import ownership
from .formats.format import Recognised
from .job import Job

_NEW_SOURCE = text("INSERT INTO sources (scanner, label) VALUES (:scanner, :label) ON CONFLICT DO NOTHING")


def enter(engine: Engine, job: Job, record: Import, recognised: Recognised, fingerprint: str | None) -> int:
    """Note what the file was recognised as, and find its source, or make it.

    :param fingerprint: see :func:`.repeats.fingerprint`.
    """
    scanner = recognised.format.key
    with Session(engine) as session, session.begin():
        source = session.scalars(select(Source).filter_by(scanner=scanner, label=record.source_label)).one_or_none()
        if source is None:  # on PostgreSQL another process may find so at the same moment
            session.execute(_NEW_SOURCE, {"scanner": scanner, "label": record.source_label})
            source = session.scalars(select(Source).filter_by(scanner=scanner, label=record.source_label)).one()
        changed = session.execute(
            update(Import)
            .where(*ownership.mine(job, ImportState.READING))
            .values(
                scanner=scanner,
                vendor=record.vendor or recognised.format.name,
                fingerprint=fingerprint,
            )
        )
        if changed.rowcount != 1:  # type: ignore[attr-defined]
            raise Cancelled
        return source.id


def move(engine: Engine, job: Job, before: ImportState, after: ImportState, **values: Any) -> None:
    """Move the import on; who finds it in another state, or with another owner, learns that it is not theirs any more."""
    with engine.begin() as connection:
        moved = update(Import).where(*ownership.mine(job, before)).values(state=after, **values)
        if connection.execute(moved).rowcount != 1:
            raise Cancelled
