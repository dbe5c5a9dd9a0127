"""What clients receive about an import: its figures and messages from its row, and the snapshot of its session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from hextrackr.domain.models import FINISHED, RUNNING, Import, ImportState
from hextrackr.errors import Cancelled, ErrorRecord, HexTrackrError
from hextrackr.progress import protocol
from hextrackr.progress.protocol import Snapshot
from hextrackr.progress.tracker import ProgressTracker

from . import process_id
from .queue import ImportQueue, now_ms

OPERATION = "csv-import"
TOTAL_STEPS = 3
#: The sequence numbers of each attempt, and of each wait after one, begin half of this higher, so that its events never seem old.
SEQUENCES_PER_ATTEMPT = 1_000_000
#: The message of an import that another process works on, if only its row is available.
_WORKING = {
    ImportState.READING: "Reading the file...",
    ImportState.STAGING: "Loading data to staging table...",
    ImportState.PROMOTING: "Updating the final tables...",
}
_STEPS = {ImportState.QUEUED: 0, ImportState.READING: 1, ImportState.STAGING: 2}
#: The longest believable duration of an import in milliseconds: a day for an answer, and a week. More means that the clock was set.
_LONGEST = 8 * 24 * 3600 * 1000


class ImportSnapshots:
    """Finds the snapshot of a session: from the tracker or from the import's row, whichever is newer.

    :param operation: finds the snapshot of a backup, a restore or a clear in the operation log.
    :param reachable: whether the sessions of other processes can be read, if there are any.
    """

    def __init__(
        self,
        tracker: ProgressTracker,
        import_queue: ImportQueue,
        operation: Callable[[str], Snapshot | None] = lambda _: None,
        reachable: Callable[[], bool] = lambda: True,
    ) -> None:
        self._tracker = tracker
        self._import_queue = import_queue
        self._operation = operation
        self._reachable = reachable

    def find(self, session_id: str, *, joining: bool = False) -> Snapshot | None:
        """Return the snapshot of a session, or None if there is no such session.

        :param session_id: a well-formed id.
        :param joining: for a client that joins, see :meth:`.tracker.ProgressTracker.snapshot`.
        """
        live = self._tracker.snapshot(session_id, joining=joining)
        try:
            row = self._import_queue.of_session(session_id) if self._import_queue.has_session(session_id) else None
        except SQLAlchemyError:
            if live is None:
                raise
            return live
        if row is None:
            # The log has the end of a backup before the maintenance lock is released; its live session ends afterwards.
            return live or self._operation(session_id)
        recorded = snapshot(row, now_ms())
        if live is None:
            return recorded
        if (live_id := live["metadata"].get("importId")) != row.id:  # the older of the two had this session id before
            return recorded if live_id is not None and live_id < row.id else live
        own = row.owner == process_id.own()
        is_updated = own or row.state not in (*RUNNING, *FINISHED) or self._reachable()
        return protocol.newer(live, recorded, own=own, is_updated=is_updated, joining=joining)


def error_of(row: Import) -> ErrorRecord | None:
    """The error with which an import ended, or None."""
    if row.state == ImportState.CANCELLED:
        return {"code": Cancelled.code, "detail": row.error_detail or Cancelled.detail}
    if row.state == ImportState.FAILED:
        code = row.error_code or HexTrackrError.code
        return {"code": code, "detail": row.error_detail or HexTrackrError.detail}
    return None


def first_sequence(row: Import) -> int:
    """The first sequence number of an import's events in its current state: above all earlier ones."""
    working = row.state in RUNNING and row.lease_until > 0
    return 1 + row.attempts * SEQUENCES_PER_ATTEMPT - (SEQUENCES_PER_ATTEMPT // 2 if working else 0)


def figures(row: Import) -> dict[str, Any]:
    """The numbers of an import, named as in the progress contract."""
    return {
        "rowsRead": row.rows_read,
        "blank": row.blank,
        "merged": row.merged,
        "rejected": row.rejected,
        "insertedToStaging": row.staged,
        "inserted": row.inserted,
        "updated": row.updated,
        "reopened": row.reopened,
        "resolved": row.resolved,
        "unchanged": row.unchanged,
    }


def opening(row: Import) -> dict[str, Any]:
    """The metadata with which a session starts."""
    return {
        "operation": OPERATION,
        "filename": row.filename,
        "scanDate": row.scan_date.isoformat() if row.scan_date else None,
        "totalSteps": TOTAL_STEPS,
        "currentStep": _STEPS.get(ImportState(row.state), TOTAL_STEPS),
        "importId": row.id,
        "vendor": row.vendor,
    }


def closing(row: Import) -> dict[str, Any]:
    """The metadata of a completed import."""
    return {
        **opening(row),
        **figures(row),
        **timing(row),
        "sourceId": row.source_id,
        "totalRows": row.rows_read,
        "rowsDone": row.rows_read,
        "etaSeconds": 0,
        "recordsCreated": row.inserted,
        "warnings": row.warnings,
        "summary": row.summary,
        "importSummary": {"severityImpact": _severity_impact(row)},
    }


def _severity_impact(row: Import) -> dict[str, dict[str, int]]:
    """The changes of an import by severity, under the names that other clients read: the ``current`` number and the ``netChange``."""
    return {
        severity: {
            **numbers,
            "current": numbers["open"],
            "netChange": numbers["inserted"] + numbers["reopened"] - numbers["resolved"],
        }
        for severity, numbers in row.summary.get("bySeverity", {}).items()
    }


def work(row: Import) -> dict[str, Any]:
    """The measured work on an import, see :attr:`.Import.work`."""
    return row.work or {}


def timing(row: Import) -> dict[str, Any]:
    """The seconds of each step of an import, and the milliseconds that it waited in the queue."""
    return {"stepSeconds": work(row).get("stepSeconds", {}), "queuedMs": _span(row.created_at, row.started_at)}


def completion_message(row: Import) -> str:
    """The message of a completed import: what it changed, and which rows it rejected."""
    rejected = f"completed with {counted(row.rejected, 'rejected row')}" if row.rejected else "complete"
    return " ".join(filter(None, (f"Import {rejected}{_what_it_did(row)}", unchecked_message(row))))


def _what_it_did(row: Import) -> str:
    if row.summary.get("late"):
        added = counted(row.summary["recorded"], "finding was", "findings were")
        return f". A newer scan is on record, so only the history was filled: {added} added to it."
    if repeated := row.summary.get("repeats"):
        same = counted(row.unchanged, "finding is", "findings are")
        return f". The file is the same as that of import {repeated}: {same} unchanged."
    if not row.staged:
        return ". The file holds no finding, so nothing was changed."
    return (
        f": {row.inserted:,} new, {row.updated:,} updated, {row.reopened:,} reopened, "
        f"{row.resolved:,} resolved, {row.unchanged:,} unchanged."
    )


def unchecked_message(row: Import) -> str:
    """The sentence about findings that were left open because the file gave no verdict on them; empty if there are none."""
    if not (unchecked := row.summary.get("unchecked")):
        return ""
    left = counted(unchecked, "open finding was", "open findings were")
    return (
        f"{left} left open: the rows about {'it' if unchecked == 1 else 'them'} could not be read or gave no verdict."
    )


def counted(number: int, one: str, many: str = "") -> str:
    """``1 row``, ``2 rows``, ``1,200 rows``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def confirmation(row: Import) -> tuple[str, dict[str, Any]]:
    """The question to the user, as a message and as metadata."""
    would = row.forecast
    if row.preview:
        message = (
            f"Nothing is changed yet. This import would bring {counted(would['inserted'], 'new finding')}, change {would['updated']:,}, "
            f"reopen {would['reopened']:,} and resolve {would['resolved']:,}. Confirm it or cancel it."
        )
    else:
        question = f"This import would resolve {would['resolved']:,} of the {would['openBefore']:,} open findings of its source."
        ways_out = "Confirm it, leave the others open, say that these are another source, or cancel it."
        message = " ".join((question, *(reason["sentence"] for reason in guard(row)), ways_out))
    return message, {"awaitingConfirmation": True, **forecast(row)}


def guard(row: Import) -> list[dict[str, Any]]:
    """The reasons for which an import asks before it resolves: each a ``reason``, a plain ``sentence``, and figures."""
    reasons: list[dict[str, Any]] = row.forecast.get("guard", [])
    return reasons


def forecast(row: Import) -> dict[str, Any]:
    """The metadata of an import that awaits confirmation: what it would do."""
    would = row.forecast
    return {
        "wouldResolve": would["resolved"],
        "openBefore": would["openBefore"],
        "preview": row.preview,
        "guard": guard(row),
        "mode": row.mode,
        "source": row.source_label,
        "forecast": would,
        "warnings": row.warnings,
    }


def reached(row: Import) -> float:
    """The percentage that the work on an import has reached; 0 before any work."""
    return float(work(row).get("progress", 0.0))


def failure_message(filename: str, error: ErrorRecord) -> str:
    """The message of a failed import; the reason is in the error's detail."""
    if error["code"] == Cancelled.code:
        return f"The import of {filename} was cancelled."
    return f"The import of {filename} failed."


def snapshot(row: Import, timestamp: int) -> Snapshot:
    """Build the progress snapshot of an import from its row alone."""
    error = error_of(row)
    state = ImportState(row.state)
    message, metadata = _message_and_metadata(row, state, error)
    if error:
        message = failure_message(row.filename, error)
    ended = state in FINISHED
    return protocol.snapshot(
        row.session_id,
        "completed" if state == ImportState.COMPLETED else "error" if error else "processing",
        100.0 if state == ImportState.COMPLETED else reached(row),
        message,
        metadata,
        sequence=(row.attempts + 1) * SEQUENCES_PER_ATTEMPT if ended else first_sequence(row),
        start_time=row.created_at,
        last_update=row.finished_at or timestamp,
        timestamp=timestamp,
        duration=duration(row) if ended else None,
        error=error,
    )


def message_of(row: Import) -> str:
    """The current message of an import, in one or a few sentences."""
    return _message_and_metadata(row, ImportState(row.state), error_of(row))[0]


def _message_and_metadata(row: Import, state: ImportState, error: ErrorRecord | None) -> tuple[str, dict[str, Any]]:
    if state == ImportState.COMPLETED:
        return completion_message(row), closing(row)
    if error:
        stopped = {"currentStep": work(row).get("currentStep", 0)}
        return error["detail"], {**opening(row), **figures(row), **timing(row), **stopped}
    if state == ImportState.AWAITING_CONFIRMATION:
        message, asked = confirmation(row)
        return message, {**opening(row), **figures(row), **asked}
    if state in RUNNING and row.lease_until >= now_ms():
        return _WORKING[state], opening(row)
    return "The import waits for the server to go on with it.", opening(row)


def duration(row: Import) -> int | None:
    """Milliseconds of work on an import that has ended: as measured, else from the times of its row; None if these are not plausible.

    Time in the queue, or waiting for an answer, does not count.
    """
    if row.finished_at is None:
        return None
    measured: int | None = work(row).get("duration")
    if measured is not None:
        return measured
    return 0 if row.started_at is None else _span(row.started_at, row.finished_at)


def _span(since: int, until: int | None) -> int | None:
    """Milliseconds between two times of the wall clock; None if the later one is missing, or the clock was set between them."""
    if until is None or until - since > _LONGEST:
        return None
    return max(0, until - since)
