"""Change the state of an import, as long as this attempt owns it."""

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
    """Store the recognised format of the file, and find or create its source; return the source's id.

    :param fingerprint: see :func:`.duplicate_file.fingerprint`.
    :raises Cancelled: another attempt has taken over the import, or it has ended.
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
    """Change the state of the import.

    :raises Cancelled: it has another state than ``before``, or another attempt has taken it over.
    """
    with engine.begin() as connection:
        moved = update(Import).where(*ownership.mine(job, before)).values(state=after, **values)
        if connection.execute(moved).rowcount != 1:
            raise Cancelled
