"""One attempt at an import: its parameters for the importer process, and its right to change the import's row.

The parameters have the paths of the import's files; everything else is in its row. Every write is bound to the epoch under which the import
was claimed: an attempt that no longer owns it changes nothing.
"""

from __future__ import annotations

import re
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, select, update
from sqlalchemy.orm import Session

from hextrackr.domain.models import Import, ImportState, source_of
from hextrackr.errors import Cancelled

from .formats.format import Recognised

if TYPE_CHECKING:
    from hextrackr.config import Config

#: The name of a stored upload: a UUID, and the process that stored it.
_UPLOAD = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}(?:\.[0-9a-f]{6}-\d+-\d*)?\.csv")


@dataclass(frozen=True)
class Job:
    """One attempt at one import.

    :ivar epoch: the ownership under which this attempt writes; it must not write once the import's row has a later one.
    :ivar upload: path of the stored file.
    :ivar spill: folder for temporary files, which may be deleted when no job runs.
    :ivar memory_limit: the memory of DuckDB, such as ``256MB``.
    :ivar guard_percent: resolving more than this share of the source's open findings needs a confirmation.
    :ivar date_order: ``day-first`` or ``month-first`` if the user has chosen one, else it is found out from the file.
    :ivar instance: the data folder, which has the maintenance lock; empty if the record is never replaced.
    :ivar patience_ms: how long SQLite waits for a lock.
    :ivar lists: there are lists, so the import is complete only when they are up to date.
    :ivar pace: actual seconds for each expected one, if that was measured before the import asked its question.
    """

    import_id: int
    epoch: int
    database_url: str
    upload: str
    spill: str
    memory_limit: str
    guard_percent: int
    date_order: str | None = None
    instance: str = ""
    patience_ms: int = 30_000
    lists: bool = False
    pace: float = 1.0

    def as_json(self) -> dict[str, Any]:
        """The job as JSON types, for the message to the importer process."""
        return asdict(self)


def job_of(row: Import, config: Config, *, lists: bool = False) -> Job:
    """Make the job for the current attempt of an import."""
    return Job(
        import_id=row.id,
        epoch=row.epoch,
        database_url=config.database_url,
        upload=str(upload_path(config.INSTANCE_PATH / "uploads", row.upload)),
        spill=str(config.INSTANCE_PATH / "spill" / spill_name(row.id, row.epoch)),
        memory_limit=config.DUCKDB_MEMORY_LIMIT,
        guard_percent=config.RESOLVE_GUARD_PERCENT,
        date_order=row.date_order,
        instance=str(config.INSTANCE_PATH),
        lists=lists,
        pace=float((row.forecast or {}).get("pace", 1.0)),
    )


def upload_path(folder: Path, name: str) -> Path:
    """The path of a stored upload. A name that is not ours, such as a path, gives a file that never exists."""
    return folder / (name if _UPLOAD.fullmatch(name) else "no-upload.csv")


def spill_name(import_id: int, epoch: int) -> str:
    """The name of the spill folder of one attempt at an import."""
    return f"{import_id}-{epoch}"


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
            .where(*mine(job, ImportState.READING))
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
        moved = update(Import).where(*mine(job, before)).values(state=after, **values)
        if connection.execute(moved).rowcount != 1:
            raise Cancelled
