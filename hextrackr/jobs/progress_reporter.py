"""Tells the progress tracker what has become of imports."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from hextrackr.domain.models import Import, ImportState
from hextrackr.errors import Conflict, ErrorRecord, TooMany
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
            self._tracker.update_progress(row.session_id, 0.0, _UPLOADED)

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
        """Pass on a progress line of the importer."""
        self._time.step(row.id, message["metadata"]["currentStep"])
        self._tracker.update_progress(
            row.session_id, message["progress"], message["message"], {"queuePosition": 0, **message["metadata"]}
        )

    def awaiting(self, row: Import) -> None:
        """Ask whether the import may resolve as much as it would."""
        self._time.stop(row.id)
        message, asked = snapshots.confirmation(row)
        self._tracker.update_progress(row.session_id, 0.0, message, asked)

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

    def forget_old(self) -> None:
        """Let the tracker drop the sessions that nobody needs any more."""
        self._tracker.expire()
