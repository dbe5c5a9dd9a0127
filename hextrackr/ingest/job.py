"""What the importer process is told of an import, and where its files are; everything else stands in the import's row."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hextrackr.config import Config
    from hextrackr.domain.models import Import

#: The name of a stored upload: a UUID, and which process stored it.
_UPLOAD = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}(?:\.[0-9a-f]{6}-\d+-\d*)?\.csv")


@dataclass(frozen=True)
class Job:
    """One attempt at one import.

    :ivar epoch: the ownership under which this attempt writes; once the import's row has a later one, it must not.
    :ivar upload: path of the stored file.
    :ivar spill: folder for temporary files; what is in it may be deleted when no job runs.
    :ivar memory_limit: what DuckDB may hold in memory, such as ``256MB``.
    :ivar guard_percent: above this share of the source's open findings, resolving needs a confirmation.
    :ivar date_order: ``day-first`` or ``month-first`` if the user has said how dates in numbers are written; else the file tells.
    :ivar instance: the data folder, where the lock of the record is; empty where nobody replaces it.
    :ivar patience_ms: how long SQLite waits for somebody else's lock.
    :ivar lists: somebody looks at lists, so that the import is not complete before these are up to date.
    :ivar pace: how many seconds this machine takes for one that is expected, if that was seen before the import asked its question.
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
        """The job as JSON types, for the line that carries it."""
        return asdict(self)


def job_of(row: Import, config: Config, *, lists: bool = False) -> Job:
    """Make the job for the attempt at an import that its row is at."""
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
    """Where a stored upload is. What is no name of ours, such as a path, leads to a file that is never there."""
    return folder / (name if _UPLOAD.fullmatch(name) else "no-upload.csv")


def spill_name(import_id: int, epoch: int) -> str:
    """The name of the spill folder of one attempt at an import."""
    return f"{import_id}-{epoch}"
