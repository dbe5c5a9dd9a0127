"""What pages, the API and commands can do with imports: submit, cancel, confirm, undo, retry.

Every request is written to the import's row first, so that it is valid for whichever process works on the import.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from hextrackr.domain.models import FINISHED, RUNNING, Import, ImportState
from hextrackr.domain.resolve_guard import YES, Answer
from hextrackr.errors import NOT_LATEST, Cancelled, Conflict, HexTrackrError, Interrupted

from . import files
from .progress_reporter import ProgressReporter
from .queue import ImportQueue, now_ms
from .runner import Runner
from .worker import Worker

if TYPE_CHECKING:
    from hextrackr.config import Config

log = logging.getLogger(__name__)

#: Seconds that a cancel waits for the process that works on the import.
CANCEL_PATIENCE = 5.0


class ImportService:
    """The imports of one app.

    :param import_queue: the import rows.
    :param worker: the worker of this process; ``runner`` runs its imports.
    :param reporter: reports to the tracker.
    :param config: has the data folder and the database.
    :param notify: notifies the worker processes of an import that is ready; None if imports run in this process.
    :param sleep: waits in the server's async mode (seconds).
    """

    def __init__(
        self,
        import_queue: ImportQueue,
        worker: Worker,
        runner: Runner,
        reporter: ProgressReporter,
        config: Config,
        *,
        notify: Callable[[int], None] | None,
        sleep: Callable[[float], None],
    ) -> None:
        self._import_queue = import_queue
        self._worker = worker
        self._runner = runner
        self._reporter = reporter
        self._config = config
        self._notify = notify
        self._sleep = sleep

    def reserved(self, session_id: str) -> AbstractContextManager[None]:
        """Reserve a session id while an import is queued; see :meth:`.progress_reporter.ProgressReporter.reserved`."""
        return self._reporter.reserved(session_id)

    def submit(self, row: Import) -> None:
        """Report a queued import and wake a worker. If that fails, the import still runs, as workers look for its row by themselves."""
        try:
            self._reporter.queued(row)
            if self._runner.current is not None:
                self._worker.update_waiting()
            self._ready(row)
        except (SQLAlchemyError, HexTrackrError, RuntimeError, OSError):
            log.exception("Import %d is queued, but could not be reported yet", row.id)

    def retry(self, import_id: int, session_id: str, started_by: str = "") -> Import:
        """Queue the upload of a failed import again and return the new import, which the caller must submit.

        :raises NotFound: there is no such import.
        :raises InvalidSessionId: the session id is not well formed.
        :raises Conflict: ``SESSION_IN_USE``; ``NOT_RETRYABLE``: the upload no longer exists.
        :raises HexTrackrError: the server accepts no new work, see :meth:`.worker.Worker.refuse_if_stopping`.
        """
        self._import_queue.existing(import_id)
        self._worker.refuse_if_stopping()
        with self.reserved(session_id):
            row = self._import_queue.retry(import_id, session_id, started_by)
            if row is None:
                raise Conflict(
                    "The file of this import is no longer on the server; please upload it again.", "NOT_RETRYABLE"
                )
        return row

    def cancel(self, import_id: int, patience: float | None = CANCEL_PATIENCE) -> Import:
        """End an import before its commit, whichever process works on it.

        :param patience: how long to wait for that process, in seconds; None for as long as it takes.
        :raises NotFound: there is no such import.
        :raises Conflict: ``ALREADY_FINISHED``.
        """
        row = self._import_queue.existing(import_id)
        if row.state in FINISHED:
            raise _already_finished()
        ended = self._cancelled(row, patience)
        while ended.state not in FINISHED and ended.epoch != row.epoch:  # a process has claimed it meanwhile
            row, ended = ended, self._cancelled(ended, patience)
        if ended.state != ImportState.CANCELLED:
            raise _already_finished()
        return ended

    def _cancelled(self, row: Import, patience: float | None) -> Import:
        """Try to cancel an import as it was just now; return its row after that."""
        import_id = row.id
        if self._runner.cancel(import_id):
            self._wait_until(lambda: self._runner.current is None or self._runner.current.id != import_id, patience)
        elif row.state in RUNNING and row.lease_until >= now_ms():
            files.request_cancel(self._config.INSTANCE_PATH, row)
            try:
                self._wait_until(lambda: self._import_queue.existing(import_id).state in FINISHED, patience)
            finally:
                files.withdraw_cancel(self._config.INSTANCE_PATH, row)
        # No process works on an import that is queued or awaits a confirmation, even if its importer is still cleaning up.
        row = self._import_queue.existing(import_id)
        if row.state not in FINISHED:
            self._runner.end(row, ImportState.CANCELLED, Cancelled().record())
        return self._import_queue.existing(import_id)

    def confirm(self, import_id: int, answer: Answer = YES) -> Import:
        """Continue an import that awaits confirmation.

        :raises NotFound: there is no such import.
        :raises Conflict: ``NOT_AWAITING``.
        :raises RequestError: the answer is not valid for this import.
        """
        row = self.answer(import_id, answer)
        self._reporter.confirmed(row, answer)
        self._ready(row)
        return row

    def answer(self, import_id: int, answer: Answer) -> Import:
        """Store the answer to an import's question; the process that next claims the import follows it. Errors as :meth:`confirm`."""
        self._import_queue.existing(import_id)
        if not self._import_queue.confirm(import_id, answer):
            raise Conflict("This import does not wait for a confirmation.", "NOT_AWAITING")
        return self._import_queue.existing(import_id)

    def undo(self, import_id: int, session_id: str | None = None) -> Import:
        """Undo the latest import of a source, and wait until that is done.

        :param session_id: the progress session that reports it, if any.
        :raises NotFound: there is no such import.
        :raises InvalidSessionId: the session id is not well formed.
        :raises Conflict: ``NOT_LATEST``; ``SESSION_IN_USE``.
        :raises HexTrackrError: it did not work; everything is as it was.
        """
        row = self._import_queue.existing(import_id)
        if session_id is None:
            return self._undo(row, lambda: None)
        with self._reporter.undoing(row, session_id, self._config.database_url) as tick:
            return self._undo(row, tick)

    def delete(self, import_id: int) -> Import:
        """Delete an import that has changed nothing in the record, with its rejected rows and its file; return what it was.

        :raises NotFound: there is no such import.
        :raises Conflict: ``NOT_DELETABLE``: it has not failed, and was not cancelled.
        """
        self._import_queue.existing(import_id)
        row = self._import_queue.delete(import_id)
        if row is None:
            raise Conflict("Only an import that failed or was cancelled can be deleted.", "NOT_DELETABLE")
        self._runner.remove_upload(row)
        return row

    def _undo(self, row: Import, tick: Callable[[], None]) -> Import:
        import_id, was_undone = row.id, row.undone_at is not None
        database_url, instance = self._config.database_url, str(self._config.INSTANCE_PATH)
        error = self._worker.ask(
            {"type": "undo", "import_id": import_id, "database_url": database_url, "instance": instance},
            meanwhile=tick,
        )
        row = self._import_queue.existing(import_id)
        # The importer process may have died after the commit.
        is_done = error is not None and error["code"] == Interrupted.code and row.undone_at and not was_undone
        if error is not None and not is_done:
            kind = Conflict if error["code"] == NOT_LATEST else HexTrackrError
            raise kind(error["detail"], error["code"])
        return row

    def _ready(self, row: Import) -> None:
        """Wake a worker for an import."""
        if self._notify is None:
            self._worker.wake()
        else:
            self._notify(row.id)

    def _wait_until(self, condition: Callable[[], bool], patience: float | None) -> None:
        deadline = None if patience is None else time.monotonic() + patience
        while not condition() and (deadline is None or time.monotonic() < deadline):
            self._sleep(0.02)


def _already_finished() -> Conflict:
    return Conflict("This import has already ended.", "ALREADY_FINISHED")
