"""What pages, the API and commands ask of sources: rename, retire, make active again, merge.

A merge takes as long as a large import. It runs in the importer process, while no import runs and nobody else writes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from hextrackr.db import engines, transactions
from hextrackr.domain import merging, sources
from hextrackr.domain.models import Source, find_source
from hextrackr.errors import Conflict, HexTrackrError, Interrupted, NotFound, RequestError

from .importer_process import Message
from .maintenance_lock import MaintenanceLock
from .worker import Worker

#: How a refusal of the importer process is raised again; any other code is the server's fault.
_REFUSALS: dict[str, type[HexTrackrError]] = {
    "UNKNOWN_SOURCE": NotFound,
    "BAD_REQUEST": RequestError,
    **dict.fromkeys(
        (merging.SOURCES_UNLIKE, merging.SOURCE_RETIRED, merging.IMPORTS_UNFINISHED, "RECORD_IN_USE"), Conflict
    ),
}


class SourceService:
    """The sources of one app.

    :param engine: the web process's engine, whose busy timeout is short.
    :param worker: has the importer process.
    :param lock: keeps writers away during a merge.
    :param instance: the data folder.
    :param sleep: waits in the server's async mode (seconds).
    """

    def __init__(
        self,
        engine: Engine,
        worker: Worker,
        lock: MaintenanceLock,
        instance: Path,
        database_url: str,
        sleep: Callable[[float], None],
    ) -> None:
        self._engine = engine
        self._worker = worker
        self._lock = lock
        self._instance = instance
        self._database_url = database_url
        self._sleep = sleep

    def get(self, source_id: int) -> Source:
        """The source with this number.

        :raises NotFound: ``UNKNOWN_SOURCE``.
        """
        with Session(self._engine, expire_on_commit=False) as session:
            return sources.existing(session, source_id)

    def rename(self, source_id: int, label: str) -> Source:
        """Give a source another label; errors as :func:`.sources.rename`."""
        return self._write(lambda session: sources.rename(session, source_id, label))

    def retire(self, source_id: int) -> Source:
        """Let nothing of a source count as open any more; errors as :func:`.sources.retire`."""
        return self._write(lambda session: sources.retire(session, source_id, date.today()))

    def activate(self, source_id: int) -> Source:
        """Make a retired source active again; errors as :func:`.sources.activate`."""
        return self._write(lambda session: sources.activate(session, source_id))

    def forecast(self, source_id: int, into_id: int) -> dict[str, Any]:
        """What a merge would do, see :class:`.merging.Figures`; errors as :func:`.merging.merge`.

        :raises Conflict: ``RECORD_IN_USE``: an import runs here, which it would have to wait for.
        """
        if self._worker.is_at_work:
            raise Conflict("An import is under way; please try again when it has ended.", "RECORD_IN_USE")
        return self._ask(source_id, into_id, forecast=True)

    def merge(self, source_id: int, into_id: int) -> dict[str, Any]:
        """Merge a source into another one, and wait until that is done; errors as :func:`.merging.merge`.

        :return: what it did; empty if its process ended after the commit.
        :raises Conflict: ``RECORD_IN_USE``: an import runs, or something else is written.
        :raises Maintenance: somebody else replaces the record.
        """
        self._worker.refuse_if_stopping()
        source = self.get(source_id)
        with self._lock.maintaining(lambda: None):
            try:
                return self._ask(source_id, into_id, forecast=False)
            except Interrupted:
                if self._is_merged(source, into_id):
                    return {}
                raise

    def merge_alone(self, source_id: int, into_id: int) -> dict[str, Any]:
        """Do the same in this process, which is a command."""
        with self._lock.maintaining(lambda: None), self._lock.replacing(), engines.opened(self._database_url) as engine:
            return asdict(merging.merge(engine, source_id, into_id))

    def _is_merged(self, source: Source, into_id: int) -> bool:
        with Session(self._engine) as session:
            found = find_source(session, source.scanner, source.label)
            return found is not None and found.id == into_id

    def _ask(self, source_id: int, into_id: int, *, forecast: bool) -> dict[str, Any]:
        figures: dict[str, Any] = {}
        request: Message = {
            "type": "merge", "source_id": source_id, "into_id": into_id, "forecast": forecast,
            "database_url": self._database_url, "instance": str(self._instance),
        }  # fmt: skip
        error = self._worker.ask(request, lambda message: figures.update(message["metadata"]))
        if error is not None:
            if error["code"] == Interrupted.code:
                raise Interrupted(error["detail"])
            raise _REFUSALS.get(error["code"], HexTrackrError)(error["detail"], error["code"])
        return figures

    def _write(self, change: Callable[[Session], Source]) -> Source:
        return transactions.write(self._engine, change, sleep=self._sleep)
