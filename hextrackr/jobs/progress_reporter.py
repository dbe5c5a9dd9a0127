"""Tells the progress tracker what has become of imports."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from hextrackr.db.error_mapping import error_from_exception
from hextrackr.domain.models import Import, ImportState
from hextrackr.errors import Conflict, ErrorRecord, TooMany
from hextrackr.ingest import phase_weights
from hextrackr.progress.estimate import TOTAL_STEPS, Meter, Phase, Reading
from hextrackr.progress.tracker import ProgressTracker

from . import snapshots
from .answers import Answer
from .importer_process import Message
from .working_time import WorkingTime

#: In the metadata of a session that is held for an import which is not on record yet.
_RESERVED = "reserved"
_UPLOADED = "Upload complete. The import is about to start."


class ProgressReporter:
    """Turns import rows and the importer's messages into progress."""

    def __init__(self, tracker: ProgressTracker) -> None:
        self._tracker = tracker
        self._time = WorkingTime(time.monotonic)
        self._bar = _Bar()  # of the import that is worked on here, one after the other

    @contextmanager
    def reserved(self, session_id: str) -> Iterator[None]:
        """Hold a session for an import that is put on record within; if that does not succeed, there is no such session.

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
        """Open the session of an import that waits for its turn, or for its confirmation; whoever took it already has opened it.

        :raises Conflict: ``SESSION_IN_USE``, by something else.
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
        """Say whose the session is, if it was held for an import; False if it was not."""
        session = self._tracker.get_session(row.session_id)
        if session is None or not session["metadata"].get(_RESERVED):
            return False
        opening = {**snapshots.opening(row), _RESERVED: False}
        return self._tracker.update_progress(row.session_id, 0.0, _UPLOADED, opening)

    def reopened(self, row: Import) -> None:
        """See that an import which waits has a session; its former one may have ended with another process."""
        if self._open(row):
            self._opened(row)

    def _open(self, row: Import) -> bool:
        """Take over the import's session, numbered above what others may have told of it; whether it had to be opened anew."""
        sequence = snapshots.first_sequence(row)
        opening = {**snapshots.opening(row), "message": _UPLOADED, _RESERVED: False}
        return self._tracker.open_session(row.session_id, opening, sequence=sequence)

    def _opened(self, row: Import) -> None:
        if row.state == ImportState.AWAITING_CONFIRMATION:
            self.awaiting(row)
        else:
            self._tracker.update_progress(row.session_id, snapshots.reached(row), _UPLOADED)

    def resumed(self, row: Import) -> None:
        """Say that an import which another process has left goes on; its session may be known here or not."""
        if self._open(row):
            self._opened(row)
        else:
            self._tracker.update_progress(row.session_id, 0.0, "The import goes on after an interruption.")

    def taken(self, row: Import) -> None:
        """Tell of an import that is worked on here from now on; where there is no room for its session, it goes on untold.

        That the upload is complete is told by the process that has it, in the same instant, unless it sees that the import is taken.
        """
        self._time.begin(row.id, snapshots.work(row))
        with suppress(TooMany):
            self._open(row)
        session = self._tracker.get_session(row.session_id)
        self._bar = _Bar(self._progress(row))
        if session is not None and session["metadata"].get("queuePosition"):
            self._tracker.update_progress(row.session_id, 0.0, "The import is about to start.", {"queuePosition": 0})

    def pausing(self, row: Import) -> None:
        """Say that the server ends and the import goes on after that."""
        self._tracker.update_progress(
            row.session_id, 0.0, "The server is being stopped. The import goes on by itself when it is back."
        )

    def waiting(self, row: Import, place: int, task: str | None = None) -> None:
        """Say what comes first: ``place`` - 1 imports and either one more or something else, such as "a backup"."""
        others = task or ("another import" if place == 1 else f"{place} other imports")
        self._tracker.update_progress(
            row.session_id, 0.0, f"Waiting for {others} to finish...", {"queuePosition": place}
        )

    def unattended(self, row: Import, place: int) -> None:
        """Say, once, that no worker process has taken the import; ``place`` is 1 for the next in turn."""
        message = "Waiting for a worker process: none has taken the import yet."
        session = self._tracker.get_session(row.session_id)
        if session is not None and session["metadata"]["message"] != message:
            self._tracker.update_progress(row.session_id, 0.0, message, {"queuePosition": place})

    def silent(self, row: Import) -> None:
        """Say again what was said last: the importer has had nothing to say for a while, and is there."""
        self._tracker.repeat(row.session_id)

    def progressed(self, row: Import, message: Message) -> None:
        """Pass on a progress line of the importer, which tells of what is left: the bar goes on from where it stood."""
        self._bar.left = message["metadata"].get("etaSeconds", 0.0)
        self._tell(row, message["progress"], message["message"], message["metadata"])

    def refreshing(self, row: Import) -> Callable[[], None]:
        """Begin to wait until the lists are up to date, and return what tells how far that is, to be called again and again."""

        def report(reading: Reading) -> None:
            self._tell(row, reading.progress, reading.message, reading.metadata)

        meter = Meter(report, time.monotonic)
        meter.plan([Phase("refresh", TOTAL_STEPS, self._bar.left)])
        self._bar = _Bar(self._progress(row))
        meter.begin("refresh", "Bringing the lists up to date...")
        return meter.tick

    def _tell(self, row: Import, progress: float, message: str, metadata: dict[str, Any]) -> None:
        self._time.step(row.id, metadata["currentStep"])
        overall = self._bar.stood + (100 - self._bar.stood) * progress / 100
        self._tracker.update_progress(row.session_id, overall, message, {"queuePosition": 0, **metadata})

    def _progress(self, row: Import) -> float:
        session = self._tracker.get_session(row.session_id)
        return 0.0 if session is None else float(session["progress"])

    def awaiting(self, row: Import) -> None:
        """Ask whether the import may resolve as much as it would."""
        self._time.stop(row.id)
        message, asked = snapshots.confirmation(row)
        self._tracker.update_progress(row.session_id, snapshots.reached(row), message, asked)

    def confirmed(self, row: Import, answer: Answer) -> None:
        """Say that the import goes on; its session may have left memory while it waited."""
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
        """What is known of the work on an import, for its row: how long it took, and where it stands."""
        work, session = snapshots.work(row) | self._time.measured(row.id), self._tracker.get_session(row.session_id)
        if session is not None and session["metadata"].get("importId") == row.id:
            work |= {"progress": session["progress"], "currentStep": session["metadata"]["currentStep"]}
        return work

    def forget_work(self, row: Import) -> None:
        """Forget what was measured of the work on an import: its row has it."""
        self._time.forget(row.id)

    @contextmanager
    def undoing(self, row: Import, session_id: str, database_url: str) -> Iterator[Callable[[], None]]:
        """Tell of an undo under a session of its own, by the clock, and yield what is to be called again and again meanwhile.

        :raises InvalidSessionId: the id is not well formed.
        :raises Conflict: ``SESSION_IN_USE``.
        """
        opening = {"operation": "undo", "filename": row.filename, "importId": row.id, "totalSteps": 1, "currentStep": 1}
        self._tracker.create_session_with_id(session_id, opening)

        def report(reading: Reading) -> None:
            self._tracker.update_progress(session_id, reading.progress, reading.message, reading.metadata)

        meter = Meter(report, time.monotonic, steps=1)
        meter.plan([Phase("undo", 1, phase_weights.undo_seconds(database_url, snapshots.figures(row)))])
        meter.begin("undo", "Undoing the import...")
        try:
            yield meter.tick
        except Exception as error:
            self._tracker.error_session(session_id, error_from_exception(error).record())
            raise
        self._tracker.complete_session(session_id, "The import was undone. Everything is as it was before it.")

    def forget_old(self) -> None:
        """Let the tracker drop the sessions that nobody needs any more."""
        self._tracker.expire()


@dataclass
class _Bar:
    """Where the bar of an import stood when it was taken up, 0..100, and how many seconds it was last said to have left."""

    stood: float = 0.0
    left: float = 0.0
