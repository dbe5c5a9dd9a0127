"""What pages, the API and commands ask of sources: rename, retire, make active again, merge.

A merge takes as long as a large import. It runs in the importer process, while no import runs and nobody else writes.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from hextrackr.db import engines, transactions
from hextrackr.db.error_mapping import error_from_exception
from hextrackr.domain import merging, sources
from hextrackr.domain.models import Source, StateTotal, find_source
from hextrackr.errors import Conflict, HexTrackrError, Interrupted, NotFound, RequestError
from hextrackr.progress.estimate import Meter, Phase, Reading
from hextrackr.progress.tracker import ProgressTracker

from .importer_process import Message
from .lists import Lists
from .maintenance_lock import MaintenanceLock
from .worker import Worker

#: The phases of a merge, the last of which follows its commit: the message, and the seconds that a million findings are expected to take.
_PHASES = {
    "compare": ("Comparing the two sources...", 6.0),
    "move": ("Moving hosts and findings...", 2.0),
    "count": ("Counting what is open...", 4.0),
    "lists": ("Bringing the lists up to date...", 1.0),
}
_ABOUT_TO_START = "The merge is about to start."
#: Seconds of each phase, however little there is to do.
_CONSTANT = 0.05

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
    :param lists: brought up to date before a merge is done.
    :param instance: the data folder.
    :param sleep: waits in the server's async mode (seconds).
    :param tracker: is told how far a merge is.
    """

    def __init__(
        self,
        engine: Engine,
        worker: Worker,
        lock: MaintenanceLock,
        lists: Lists,
        instance: Path,
        database_url: str,
        sleep: Callable[[float], None],
        tracker: ProgressTracker,
    ) -> None:
        self._engine = engine
        self._worker = worker
        self._lock = lock
        self._instance = instance
        self._database_url = database_url
        self._sleep = sleep
        self._tracker = tracker
        self._lists = lists

    def get(self, source_id: int) -> Source:
        """The source with this number.

        :raises NotFound: ``UNKNOWN_SOURCE``.
        """
        with Session(self._engine, expire_on_commit=False) as session:
            return sources.existing(session, source_id)

    def rename(self, source_id: int, label: str) -> Source:
        """Give a source another label; errors as :func:`rename`."""
        return self._write(lambda session: sources.rename(session, source_id, label))

    def retire(self, source_id: int) -> Source:
        """Let nothing of a source count as open any more; errors as :func:`retire`."""
        return self._write(lambda session: sources.retire(session, source_id, date.today()))

    def activate(self, source_id: int) -> Source:
        """Make a retired source active again; errors as :func:`activate`."""
        return self._write(lambda session: sources.activate(session, source_id))

    def forecast(self, source_id: int, into_id: int) -> dict[str, Any]:
        """What a merge would do, see :class:`.merging.Figures`, after what else the importer process has been asked; errors as
        :func:`.merging.merge`.

        :raises Conflict: ``RECORD_IN_USE``: an import runs here, which it would have to wait for.
        """
        if self._worker.is_importing:
            raise Conflict("An import is running; please try again when it has finished.", "RECORD_IN_USE")
        return self._ask(source_id, into_id, forecast=True)

    def merge(self, source_id: int, into_id: int, session_id: str | None = None) -> dict[str, Any]:
        """Merge a source into another one, and wait until that is done and the lists show it; errors as :func:`.merging.merge`.

        :param session_id: of the progress session that tells how far it is, if it is wanted.
        :return: what it did; empty if its process ended after the commit.
        :raises Conflict: ``RECORD_IN_USE``: an import runs, or something else is written; ``SESSION_IN_USE``.
        :raises InvalidSessionId: the session id is not well formed.
        :raises Maintenance: somebody else replaces the record.
        """
        self._worker.refuse_if_stopping()
        source, into = self.get(source_id), self.get(into_id)
        with self._reported(source, into, session_id) as meter:
            with self._lock.maintaining(lambda: None):
                figures = self._merge(source, into, meter)
            _begin(meter, "lists", lambda: self._lists.refreshed)
            self._lists.refresh(meter.tick)
        return figures

    def _merge(self, source: Source, into: Source, meter: Meter) -> dict[str, Any]:
        try:
            return self._ask(source.id, into.id, forecast=False, meter=meter)
        except Interrupted:
            if self._is_merged(source, into.id):
                return {}
            raise

    @contextmanager
    def _reported(self, source: Source, into: Source, session_id: str | None) -> Iterator[Meter]:
        """Report a merge under a session of its own, if one is wanted, by what the yielded meter measures."""

        def report(reading: Reading) -> None:
            if session_id is not None:
                self._tracker.update_progress(session_id, reading.progress, reading.message, reading.metadata)

        if session_id is not None:
            opening = {
                "operation": "merge",
                "filename": source.label or source.scanner,
                "totalSteps": 1,
                "currentStep": 1,
                "message": _ABOUT_TO_START,
            }
            self._tracker.create_session_with_id(session_id, opening)
        try:
            meter = Meter(report, time.monotonic, message=_ABOUT_TO_START, steps=1)
            millions = self._findings(source, into) / 1e6
            meter.plan([Phase(name, 1, _CONSTANT + seconds * millions) for name, (_, seconds) in _PHASES.items()])
            yield meter
        except Exception as error:
            if session_id is not None:
                self._tracker.error_session(session_id, error_from_exception(error).record())
            raise
        if session_id is not None:
            self._tracker.complete_session(session_id, "The sources are one now.")

    def _findings(self, *of: Source) -> int:
        findings = select(func.sum(StateTotal.findings)).where(StateTotal.source_id.in_([source.id for source in of]))
        with Session(self._engine) as session:
            return session.scalar(findings) or 0

    def merge_alone(self, source_id: int, into_id: int) -> dict[str, Any]:
        """Do the same in this process, which is a command."""
        with self._lock.maintaining(lambda: None), self._lock.replacing(), engines.opened(self._database_url) as engine:
            return asdict(merging.merge(engine, source_id, into_id))

    def _is_merged(self, source: Source, into_id: int) -> bool:
        with Session(self._engine) as session:
            found = find_source(session, source.scanner, source.label)
            return found is not None and found.id == into_id

    def _ask(self, source_id: int, into_id: int, *, forecast: bool, meter: Meter | None = None) -> dict[str, Any]:
        figures: dict[str, Any] = {}
        begun: deque[str] = deque()

        def progressed(line: Message) -> None:
            figures.update(line["metadata"])
            if line["message"]:
                begun.append(line["message"])

        def meanwhile() -> None:
            if meter is None:
                return
            while begun:
                _begin(meter, begun.popleft())
            meter.tick()

        request: Message = {
            "type": "merge", "source_id": source_id, "into_id": into_id, "forecast": forecast,
            "database_url": self._database_url, "instance": str(self._instance),
        }  # fmt: skip
        error = self._worker.ask(request, progressed, meanwhile)
        if error is not None:
            if error["code"] == Interrupted.code:
                raise Interrupted(error["detail"])
            raise _REFUSALS.get(error["code"], HexTrackrError)(error["detail"], error["code"])
        return figures

    def _write(self, change: Callable[[Session], Source]) -> Source:
        return transactions.write(self._engine, change, sleep=self._sleep)


def _begin(meter: Meter, phase: str, measure: Callable[[], float] | None = None) -> None:
    meter.begin(phase, _PHASES[phase][0], measure=measure)
