"""What the importer process is told of an import; everything else stands in the import's row."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


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

    def record(self) -> dict[str, Any]:
        """The job as JSON types, for the line that carries it."""
        return asdict(self)
