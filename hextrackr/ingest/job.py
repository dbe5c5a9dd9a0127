"""The parameters of an import for the importer process, with the paths of its files; everything else is in the import's row."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hextrackr.config import Config
    from hextrackr.domain.models import Import

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
