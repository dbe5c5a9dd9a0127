"""Moves an import on from state to state, as long as it is this attempt's own."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, update
from sqlalchemy.orm import Session

from hextrackr.domain.models import Import, ImportState, source_of
from hextrackr.errors import Cancelled

from . import ownership
from .formats.format import Recognised
from .job import Job


def enter(engine: Engine, job: Job, record: Import, recognised: Recognised, fingerprint: str | None) -> int:
    """Note what the file was recognised as, and find its source, or make it.

    :param fingerprint: see :func:`.duplicate_file.fingerprint`.
    """
    scanner = recognised.format.key
    with Session(engine) as session, session.begin():
        source = source_of(session, scanner, record.source_label)
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
