"""Whether an import is still this attempt's own: every write is bound to the epoch under which it was claimed."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import Connection, Engine, select, update

from hextrackr.domain.models import Import, ImportState
from hextrackr.errors import Cancelled

from .job import Job

#: A lease that is not renewed for this long has run out, in milliseconds.
LEASE_MS = 30_000
#: How often a lease is renewed, in seconds.
RENEW_EVERY = 5.0
#: The lease under which an import is promoted. The promotion holds the database, so that nobody can renew it meanwhile.
PROMOTION_LEASE_MS = 15 * 60_000


def until(milliseconds: int) -> int:
    """When a lease of this length ends that begins now, in milliseconds since the epoch."""
    return int(time.time() * 1000) + milliseconds


def mine(job: Job, *states: ImportState) -> tuple[Any, ...]:
    """The conditions under which the import's row is this attempt's."""
    return Import.id == job.import_id, Import.epoch == job.epoch, Import.state.in_(states)


def check(connection: Connection, job: Job, state: ImportState) -> None:
    """Make sure, within a transaction that writes, that nobody ended the import or took it over.

    :raises Cancelled: somebody did.
    """
    if connection.execute(select(Import.id).where(*mine(job, state)).with_for_update()).one_or_none() is None:
        raise Cancelled


def renew(engine: Engine, job: Job) -> None:
    """Go on owning an import that is being read or staged; whoever has lost it learns so at the next write."""
    reading = mine(job, ImportState.READING, ImportState.STAGING)
    with engine.begin() as connection:
        connection.execute(update(Import).where(*reading).values(lease_until=until(LEASE_MS)))
