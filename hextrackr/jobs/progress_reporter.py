"""Report the state and progress of imports to the progress tracker, and measure how long they are worked on, in total and for each step.

The clock is monotonic. The result is stored in the import's row, so that the process that continues the import after an answer or an
interruption adds its own time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from hextrackr.db.error_mapping import error_from_exception
from hextrackr.domain.models import Import, ImportState
from hextrackr.domain.resolve_guard import Answer
from hextrackr.errors import Conflict, ErrorRecord, TooMany
from hextrackr.ingest import estimate
from hextrackr.progress.estimate import SPEED_OVER, TOTAL_STEPS, Meter, Phase, Reading
from hextrackr.progress.tracker import ProgressTracker

from . import snapshots
from .importer_process import Message

#: Metadata field of a session that is reserved for an import whose row does not exist yet.
_RESERVED = "reserved"
_UPLOADED = "Upload complete. The import is about to start."


class ProgressReporter:
    """Turns import rows and messages of the importer process into progress updates."""

    def __init__(self, tracker: ProgressTracker) -> None:
        self._tracker = tracker
        self._time = WorkingTime(time.monotonic)
        self._bar = _Bar()  # of the import that runs in this process, one at a time

    @contextmanager
    def reserved(self, session_id: str) -> Iterator[None]:
        """Reserve a session for an import that is queued inside the block; if that fails, drop the session.

        :raises Conflict: ``SESSION_IN_USE``.
        :raises TooMany: there are too many sessions.
        """
        self._tracker.create_session_with_id(
            session_id, {"operation": snapshots.OPERATION, "totalSteps": snapshots.TOTAL_STEPS, _RESERVED: True}
        )
        try:
            yield
        except BaseException:
            self._tracker.withdraw_session(session_id)
            raise

    def queued(self, row: Import) -> None:
        """Open the session of an import that waits in the queue or for a confirmation, unless a process that has claimed it did so.

        :raises Conflict: ``SESSION_IN_USE``, by another operation.
        """
        sequence = snapshots.first_sequence(row)
        try:
            self._tracker.create_session_with_id(row.session_id, snapshots.opening(row), sequence=sequence)
        except Conflict:
            session = self._tracker.get_session(row.session_id)
            if session is None or not (self._claimed(row) or session["metadata"].get("importId") == row.id):
                raise
        else:
            self._opened(row)

    def _claimed(self, row: Import) -> bool:
        """Assign a reserved session to its import; False if the session was not reserved."""
        session = self._tracker.get_session(row.session_id)
        if session is None or not session["metadata"].get(_RESERVED):
            return False
        opening = {**snapshots.opening(row), _RESERVED: False}
        return self._tracker.update_progress(row.session_id, 0.0, _UPLOADED, opening)

    def reopened(self, row: Import) -> None:
        """Make sure that a waiting import has a session, as its former one may have ended with another process."""
        if self._open(row):
            self._opened(row)

    def _open(self, row: Import) -> bool:
        """Take over the session of an import, with sequence numbers above those of other processes, or open a new one.

        :return: whether a new one was opened.
        """
        sequence = snapshots.first_sequence(row)
        opening = {**snapshots.opening(row), "message": _UPLOADED, _RESERVED: False}
        return self._tracker.open_session(row.session_id, opening, sequence=sequence)

    def _opened(self, row: Import) -> None:
        if row.state == ImportState.AWAITING_CONFIRMATION:
            self.awaiting(row)
        else:
            self._tracker.update_progress(row.session_id, snapshots.reached(row), _UPLOADED)

    def resumed(self, row: Import) -> None:
        """Report that an import which another process has abandoned continues."""
        if self._open(row):
            self._opened(row)
        else:
            self._tracker.update_progress(row.session_id, 0.0, "The import goes on after an interruption.")

    def taken(self, row: Import) -> None:
        """Start reporting an import that this process has claimed; if there are too many sessions, it runs without one.

        At the same time the process that received the upload reports it as complete, unless it sees that the import is claimed.
        """
        self._time.begin(row.id, snapshots.work(row))
        with suppress(TooMany):
            self._open(row)
        session = self._tracker.get_session(row.session_id)
        self._bar = _Bar.of_session(session)
        if session is not None and session["metadata"].get("queuePosition"):
            self._tracker.update_progress(row.session_id, 0.0, "The import is about to start.", {"queuePosition": 0})

    def pausing(self, row: Import) -> None:
        """Report that the server stops and the import will continue afterwards."""
        self._tracker.update_progress(
            row.session_id, 0.0, "The server is being stopped. The import goes on by itself when it is back."
        )

    def waiting(self, row: Import, place: int, task: str | None = None) -> None:
        """Report what an import waits for.

        :param place: its place in the queue, from 1.
        :param task: what runs now, such as "a backup", if it is not an import.
        """
        others = task or ("another import" if place == 1 else f"{place} other imports")
        self._tracker.update_progress(
            row.session_id, 0.0, f"Waiting for {others} to finish...", {"queuePosition": place}
        )

    def unattended(self, row: Import, place: int) -> None:
        """Report, once, that no worker process has claimed the import; ``place`` is its place in the queue, from 1."""
        message = "Waiting for a worker process: none has taken the import yet."
        session = self._tracker.get_session(row.session_id)
        if session is not None and session["metadata"]["message"] != message:
            self._tracker.update_progress(row.session_id, 0.0, message, {"queuePosition": place})

    def silent(self, row: Import) -> None:
        """Send the last update again, as the importer is running but has sent nothing for a while."""
        self._tracker.repeat(row.session_id)

    def progressed(self, row: Import, message: Message) -> None:
        """Report a progress line of the importer. Its percentage is of the remaining work: the bar continues from where it was."""
        metadata = message["metadata"]
        self._bar.left, self._bar.total_rows = metadata.get("etaSeconds", 0.0), metadata.get("totalRows", 0)
        self._update(row, message["progress"], message["message"], metadata)

    def refreshing(self, row: Import, measure: Callable[[], float]) -> Callable[[], None]:
        """Begin the wait until the lists are up to date; return a function that reports its progress, to be called repeatedly.

        :param measure: returns the share of it that is done, 0..1.
        """
        done, total = self._bar.rows_done, self._bar.total_rows

        def report(reading: Reading) -> None:
            rows = done + round((total - done) * reading.progress / 100)
            seconds = max(SPEED_OVER, self._time.seconds_of_step(row.id))
            speed = {"rowsDone": rows, "rowsPerSecond": round(rows / seconds)} if total else {}
            self._update(row, reading.progress, reading.message, {**reading.metadata, **speed})

        meter = Meter(report, time.monotonic)
        meter.plan([Phase("refresh", TOTAL_STEPS, self._bar.left)])
        self._bar.start = self._progress(row)
        meter.begin("refresh", "Bringing the lists up to date...", measure=measure)
        return meter.tick

    def _update(self, row: Import, progress: float, message: str, metadata: dict[str, Any]) -> None:
        self._time.step(row.id, metadata["currentStep"])
        overall = self._bar.start + (100 - self._bar.start) * progress / 100
        self._tracker.update_progress(
            row.session_id, overall, message, {"queuePosition": 0, **self._bar.advance(metadata)}
        )

    def _progress(self, row: Import) -> float:
        session = self._tracker.get_session(row.session_id)
        return 0.0 if session is None else float(session["progress"])

    def awaiting(self, row: Import) -> None:
        """Report that the import awaits a confirmation, with the question."""
        self._time.stop(row.id)
        message, asked = snapshots.confirmation(row)
        self._tracker.update_progress(row.session_id, snapshots.reached(row), message, asked)

    def confirmed(self, row: Import, answer: Answer) -> None:
        """Report that a confirmed import continues; open its session again if it has expired."""
        how = ""
        if answer.source:
            how = f" in the source {answer.source}"
        elif answer.leave_open:
            how = " and leaves the others open"
        answered = {"awaitingConfirmation": False, "guard": [], "forecast": None}
        if not self._tracker.update_progress(row.session_id, 0.0, f"Confirmed. The import goes on{how}.", answered):
            self.queued(row)

    def completed(self, row: Import) -> None:
        """End the session with the import's figures."""
        self._time.stop(row.id)
        row.work = self.work(row)
        self._tracker.complete_session(
            row.session_id,
            snapshots.completion_message(row),
            snapshots.closing(row),
            duration=snapshots.duration(row),
        )

    def ended(self, row: Import, error: ErrorRecord) -> None:
        """End the session with an error."""
        self._time.stop(row.id)
        row.work = self.work(row)
        self._tracker.error_session(
            row.session_id,
            error,
            snapshots.timing(row),
            message=snapshots.failure_message(row.filename, error),
            duration=row.work.get("duration", 0),
        )

    def work(self, row: Import) -> dict[str, Any]:
        """The work on an import for its row: how long it took, and its percentage and step."""
        work, session = snapshots.work(row) | self._time.measured(row.id), self._tracker.get_session(row.session_id)
        if session is not None and session["metadata"].get("importId") == row.id:
            work |= {"progress": session["progress"], "currentStep": session["metadata"]["currentStep"]}
        return work

    def forget_work(self, row: Import) -> None:
        """Drop the measured work of an import, which its row has by now."""
        self._time.forget(row.id)

    @contextmanager
    def undoing(self, row: Import, session_id: str, database_url: str) -> Iterator[Callable[[], None]]:
        """Report an undo under a session of its own; yield a function that updates its estimated progress, to be called repeatedly.

        :raises InvalidSessionId: the id is not well formed.
        :raises Conflict: ``SESSION_IN_USE``.
        """
        opening = {"operation": "undo", "filename": row.filename, "importId": row.id, "totalSteps": 1, "currentStep": 1}
        self._tracker.create_session_with_id(session_id, opening)

        def report(reading: Reading) -> None:
            self._tracker.update_progress(session_id, reading.progress, reading.message, reading.metadata)

        meter = Meter(report, time.monotonic, steps=1)
        meter.plan([Phase("undo", 1, estimate.undo_seconds(database_url, snapshots.figures(row)))])
        meter.begin("undo", "Undoing the import...")
        try:
            yield meter.tick
        except Exception as error:
            self._tracker.error_session(session_id, error_from_exception(error).record())
            raise
        self._tracker.complete_session(session_id, "The import was undone. Everything is as it was before it.")

    def forget_old(self) -> None:
        """Drop expired sessions."""
        self._tracker.expire()


@dataclass
class _Bar:
    """What was last known of the import that runs.

    :ivar start: its percentage when this process claimed it, 0..100.
    :ivar left: the estimated seconds left.
    :ivar step: the step that ``rows_done`` of the ``total_rows`` have passed.
    """

    start: float = 0.0
    left: float = 0.0
    step: int = 0
    rows_done: int = 0
    total_rows: int = 0

    @classmethod
    def of_session(cls, session: Mapping[str, Any] | None) -> _Bar:
        """The bar of an import that continues from where its session stands."""
        if session is None:
            return cls()
        metadata = session["metadata"]
        step, rows_done = metadata.get("currentStep", 0), metadata.get("rowsDone", 0)
        return cls(float(session["progress"]), step=step, rows_done=rows_done)

    def advance(self, metadata: dict[str, Any]) -> dict[str, Any]:
        """Return the metadata of an update with no fewer rows done than before in the same step.

        The step begins again after a question or an interruption.
        """
        if "rowsDone" not in metadata:
            return metadata
        step, rows_done = metadata["currentStep"], metadata["rowsDone"]
        self.rows_done = max(rows_done, self.rows_done) if step == self.step else rows_done
        self.step = step
        return {**metadata, "rowsDone": self.rows_done}


#: The steps of an import by their numbers in the progress contract.
STEPS = {1: "reading", 2: "staging", 3: "promoting"}


@dataclass
class _Work:
    """The work on one import. Times are monotonic seconds.

    :ivar earlier: milliseconds of work by earlier processes.
    :ivar stopped: when the work stopped, or None.
    """

    began: float
    earlier: int
    seconds: dict[str, float]
    step_began: float
    step: int = 0
    stopped: float | None = None

    def seconds_until(self, now: float) -> dict[str, float]:
        """The seconds of each step so far, the running one included."""
        name = STEPS.get(self.step)
        if name is None:
            return dict(self.seconds)
        return {**self.seconds, name: round(self.seconds.get(name, 0.0) + now - self.step_began, 3)}


@dataclass
class WorkingTime:
    """Measures the work on the imports of this process.

    :param clock: monotonic seconds.
    """

    clock: Callable[[], float]
    _works: dict[int, _Work] = field(default_factory=dict)

    def begin(self, import_id: int, earlier: Mapping[str, Any]) -> None:
        """Note that work on an import begins or continues.

        :param earlier: the result of :meth:`measured` of earlier work, or empty.
        """
        now = self.clock()
        self._works[import_id] = _Work(now, earlier.get("duration", 0), dict(earlier.get("stepSeconds", {})), now)

    def step(self, import_id: int, step: int) -> None:
        """Note that an import is at this step now."""
        work = self._works.get(import_id)
        if work is not None and work.step != step:
            now = self.clock()
            work.seconds = work.seconds_until(now)
            work.step, work.step_began = step, now

    def seconds_of_step(self, import_id: int) -> float:
        """The seconds since the current step of an import began; 0 if nothing is measured."""
        work = self._works.get(import_id)
        return 0.0 if work is None else self.clock() - work.step_began

    def stop(self, import_id: int) -> None:
        """Note that work on an import has stopped: it has ended, awaits an answer, or is left to another process."""
        work = self._works.get(import_id)
        if work is not None and work.stopped is None:
            work.stopped = self.clock()

    def measured(self, import_id: int) -> dict[str, Any]:
        """Return ``duration`` in ms and ``stepSeconds``, named as in the progress contract; empty if nothing was measured."""
        work = self._works.get(import_id)
        if work is None:
            return {}
        until = self.clock() if work.stopped is None else work.stopped
        taken = work.earlier + round((until - work.began) * 1000)
        return {"duration": taken, "stepSeconds": work.seconds_until(until)}

    def forget(self, import_id: int) -> None:
        """Drop the measurements of an import, which its row has by now."""
        self._works.pop(import_id, None)
