"""The ownership of an import by one attempt: every write is bound to the epoch under which the import was claimed."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import Connection, Engine, select, update

from hextrackr.domain.models import Import, ImportState
from hextrackr.errors import Cancelled

from .job import Job

#: Milliseconds after which a lease that was not renewed has expired.
LEASE_MS = 30_000
#: Seconds between two renewals of a lease.
RENEW_EVERY = 5.0
#: The lease of a promotion in milliseconds. It cannot be renewed, as the promotion locks the database.
PROMOTION_LEASE_MS = 15 * 60_000


def until(milliseconds: int) -> int:
    """The end of a lease that begins now, in milliseconds since the epoch."""
    return int(time.time() * 1000) + milliseconds


def mine(job: Job, *states: ImportState) -> tuple[Any, ...]:
    """The conditions for the import's row while this attempt owns it."""
    return Import.id == job.import_id, Import.epoch == job.epoch, Import.state.in_(states)


def check(connection: Connection, job: Job, state: ImportState) -> None:
    """Check, in a transaction that writes, that this attempt still owns the import.

    :raises Cancelled: the import was ended, or taken over by another attempt.
    """
    if connection.execute(select(Import.id).where(*mine(job, state)).with_for_update()).one_or_none() is None:
        raise Cancelled


def renew(engine: Engine, job: Job) -> None:
    """Renew the lease of an import that is read or staged; an attempt that has lost it notices at the next write."""
    reading = mine(job, ImportState.READING, ImportState.STAGING)
    with engine.begin() as connection:
        connection.execute(update(Import).where(*reading).values(lease_until=until(LEASE_MS)))
