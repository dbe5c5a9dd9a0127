"""Tells the progress tracker what has become of imports."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from hextrackr.domain.models import Import, ImportState
from hextrackr.errors import Conflict, ErrorRecord, TooMany
from hextrackr.progress.tracker import ProgressTracker

from . import snapshots
from .answers import Answer
from .channel import Message
from .durations import measured
from .step_watch import StepWatch

#: In the metadata of a session that is held for an import which is not on record yet.
_RESERVED = "reserved"


class ProgressReporter:
    """Turns import rows and the importer's messages into progress."""

    def __init__(self, tracker: ProgressTracker) -> None:
        self._tracker = tracker
        self._watch = StepWatch(time.monotonic)

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

    def queued(self, record: Import) -> None:
        """Open the session of an import that waits for its turn, or for its confirmation; whoever took it already has opened it.

        :raises Conflict: ``SESSION_IN_USE``, by something else.
        """
        sequence = snapshots.first_sequence(record)
        try:
            self._tracker.create_session_with_id(record.session_id, snapshots.opening(record), sequence=sequence)
        except Conflict:
            known = self._tracker.get_session(record.session_id)
            if known is None or not (self._claimed(record) or known["metadata"].get("importId") == record.id):
                raise
        else:
            self._opened(record)

    def _claimed(self, record: Import) -> bool:
        """Say whose the session is, if it was held for an import; False if it was not."""
        known = self._tracker.get_session(record.session_id)
        if known is None or not known["metadata"].get(_RESERVED):
            return False
        opening = {**snapshots.opening(record), _RESERVED: False}
        return self._tracker.update_progress(
            record.session_id, 0.0, "Upload complete. The import is about to start.", opening
        )

    def reopened(self, record: Import) -> None:
        """See that an import which waits has a session; its former one may have ended with another process."""
        if self._open(record):
            self._opened(record)

    def _open(self, record: Import) -> bool:
        """Take over the import's session, numbered above what others may have told of it; whether it had to be opened anew."""
        sequence = snapshots.first_sequence(record)
        return self._tracker.open_session(record.session_id, snapshots.opening(record), sequence=sequence)

    def _opened(self, record: Import) -> None:
        if record.state == ImportState.AWAITING_CONFIRMATION:
            self.awaiting(record)
        else:
            self._tracker.update_progress(record.session_id, 0.0, "Upload complete. The import is about to start.")

    def resumed(self, record: Import) -> None:
        """Say that an import which another process has left goes on; its session may be known here or not."""
        if self._open(record):
            self._opened(record)
        else:
            self._tracker.update_progress(record.session_id, 0.0, "The import goes on after an interruption.")

    def taken(self, record: Import) -> None:
        """Tell of an import from here from now on; where there is no room for its session, it goes on untold."""
        self._claimed(record)
        with suppress(TooMany):
            self._open(record)
        known = self._tracker.get_session(record.session_id)
        if known is not None and known["metadata"].get("queuePosition"):
            self._tracker.update_progress(record.session_id, 0.0, "The import is about to start.", {"queuePosition": 0})

    def pausing(self, record: Import) -> None:
        """Say that the server ends and the import goes on after that."""
        self._tracker.update_progress(
            record.session_id, 0.0, "The server is being stopped. The import goes on by itself when it is back."
        )

    def waiting(self, record: Import, place: int, task: str | None = None) -> None:
        """Say what comes first: ``place`` - 1 imports and either one more or something else, such as "a backup"."""
        others = task or ("another import" if place == 1 else f"{place} other imports")
        self._tracker.update_progress(
            record.session_id, 0.0, f"Waiting for {others} to finish...", {"queuePosition": place}
        )

    def unattended(self, record: Import, place: int) -> None:
        """Say, once, that no worker process has taken the import; ``place`` is 1 for the next in turn."""
        message = "Waiting for a worker process: none has taken the import yet."
        known = self._tracker.get_session(record.session_id)
        if known is not None and known["metadata"]["message"] != message:
            self._tracker.update_progress(record.session_id, 0.0, message, {"queuePosition": place})

    def silent(self, record: Import) -> None:
        """Say again what was said last: the importer has had nothing to say for a while, and is there."""
        self._tracker.repeat(record.session_id)

    def progressed(self, record: Import, message: Message) -> None:
        """Pass on a progress line of the importer."""
        self._watch.seen(record.id, message["metadata"]["currentStep"])
        self._tracker.update_progress(
            record.session_id, message["progress"], message["message"], {"queuePosition": 0, **message["metadata"]}
        )

    def awaiting(self, record: Import) -> None:
        """Ask whether the import may resolve as much as it would."""
        message, asked = snapshots.confirmation(record)
        self._tracker.update_progress(record.session_id, 0.0, message, asked)

    def confirmed(self, record: Import, answer: Answer) -> None:
        """Say that the import goes on; its session may have left memory while it waited."""
        how = (
            f" in the source {answer.source}"
            if answer.source
            else " and leaves the others open"
            if answer.leave_open
            else ""
        )
        told = {"awaitingConfirmation": False, "guard": [], "forecast": None}
        if not self._tracker.update_progress(record.session_id, 0.0, f"Confirmed. The import goes on{how}.", told):
            self.queued(record)

    def completed(self, record: Import) -> None:
        """End the session with the import's figures."""
        measured.ended(record.session_id)
        closing = {**snapshots.closing(record), "stepSeconds": self._watch.stop(record.id)}
        self._tracker.complete_session(record.session_id, snapshots.completion_message(record), closing)

    def ended(self, record: Import, error: ErrorRecord) -> None:
        """End the session with an error."""
        measured.ended(record.session_id)
        self._watch.stop(record.id)
        self._tracker.error_session(record.session_id, error)

    def forget_old(self) -> None:
        """Let the tracker drop the sessions that nobody needs any more."""
        self._tracker.expire()
