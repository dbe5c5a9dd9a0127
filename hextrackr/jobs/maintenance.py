"""What the supervisor looks after that nobody reports: waiting imports, abandoned ones, overdue confirmations, old sessions."""

from __future__ import annotations

import time
from collections.abc import Callable

from hextrackr.domain.models import RUNNING, Import, ImportState
from hextrackr.errors import Cancelled, ErrorRecord, Interrupted

from .endings import Endings
from .leases import Leases
from .progress_reporter import ProgressReporter
from .queue import MAX_ATTEMPTS, ImportQueue
from .runner import Runner

#: Seconds between two rounds of maintenance.
ROUND = 1.0
#: Seconds that a worker has to take an import before its watchers are told that none has.
UNATTENDED_AFTER = 3.0
#: Seconds between two words to imports that wait: with the tracker's throttle on top, they are never half a second without one.
TELL = 0.25

_OVERDUE: ErrorRecord = {
    "code": Cancelled.code,
    "detail": "Nobody answered within 24 hours, so the import was cancelled.",
}
_GIVEN_UP: ErrorRecord = {
    "code": Interrupted.code,
    "detail": f"The server ended {MAX_ATTEMPTS} times in the middle of this import, so it was given up; no finding was changed.",
}


class MaintenanceTasks:
    """Goes round once a second, also while an import runs.

    :param elsewhere: imports run in worker processes, of which there may be none.
    """

    def __init__(
        self,
        import_queue: ImportQueue,
        leases: Leases,
        reporter: ProgressReporter,
        endings: Endings,
        runner: Runner,
        tidy: Callable[[], None],
        elsewhere: bool,
    ) -> None:
        self._import_queue = import_queue
        self._leases = leases
        self._reporter = reporter
        self._endings = endings
        self._runner = runner
        self._tidy = tidy
        self._last = 0.0
        self._told = 0.0
        self._elsewhere = elsewhere
        self._waiting_since: dict[int, float] = {}

    def begin(self) -> None:
        """Take up what earlier processes left unfinished; what others are at work on is theirs."""
        abandoned = {record.id for record in self._leases.take_back()}
        self._tidy()  # what was taken back holds no spill folder any more
        for record in self._import_queue.unfinished():
            if record.id in abandoned:
                self.resume(record)
            elif record.state not in RUNNING or record.lease_until == 0:
                self._reporter.reopened(record)

    def look_around(self) -> None:
        """Remind who waits for the import that runs here, and go round, each if it is time to."""
        if self._runner.current is not None:
            self.remind_waiting()
        if time.monotonic() - self._last < ROUND:
            return
        self._last = time.monotonic()
        self._go_round()

    def tell_waiting(self, task: str | None = None) -> None:
        """Tell the imports that wait for their turn what comes first; of several processes at work, the one with the oldest import does.

        :param task: what does, if it is no import.
        """
        self._told = time.monotonic()
        held = [import_id for import_id, _ in self._leases.held()]
        if held and min(held) != self._runner.current:
            return
        for place, record in enumerate(self._import_queue.waiting(), start=1):
            self._reporter.waiting(record, place, task)

    def remind_waiting(self, task: str | None = None) -> None:
        """Tell them so again, if it is time to."""
        if time.monotonic() - self._told >= TELL:
            self.tell_waiting(task)

    def resume(self, record: Import) -> None:
        """Let an import go on that another process has left; one in which process after process ends is given up."""
        if record.state == ImportState.QUEUED and record.attempts >= MAX_ATTEMPTS:
            self._endings.end(record, ImportState.FAILED, _GIVEN_UP)
        else:
            self._reporter.resumed(record)

    def _go_round(self) -> None:
        self._reporter.forget_old()
        if self._elsewhere:
            self._tell_unattended()
        abandoned = self._leases.take_back()
        for record in abandoned:
            self.resume(record)
        if abandoned:
            self._tidy()  # what was taken back holds no spill folder any more
        for import_id in self._import_queue.unconfirmed():
            self._endings.end(self._runner.existing(import_id), ImportState.CANCELLED, _OVERDUE)
        for record in self._import_queue.stale_uploads():
            self._endings.forget_upload(record)

    def _tell_unattended(self) -> None:
        """Tell the imports that no worker takes, though none is at work."""
        waiting = [] if self._leases.held() else self._import_queue.waiting()
        now = time.monotonic()
        self._waiting_since = {record.id: self._waiting_since.get(record.id, now) for record in waiting}
        for place, record in enumerate(waiting, start=1):
            if now - self._waiting_since[record.id] >= UNATTENDED_AFTER:
                self._reporter.unattended(record, place)
