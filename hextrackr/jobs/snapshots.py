"""What a client is told of an import: its row as JSON and in words, and the snapshot of a session, from the tracker or from the row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from hextrackr.domain.models import FINISHED, RUNNING, Import, ImportState
from hextrackr.errors import Cancelled, ErrorRecord, HexTrackrError
from hextrackr.progress import snapshots
from hextrackr.progress.protocol import Snapshot
from hextrackr.progress.tracker import ProgressTracker

from . import process_id
from .queue import ImportQueue, now_ms

OPERATION = "csv-import"
TOTAL_STEPS = 3
#: Each attempt at an import, and each wait after one, numbers its events from half of this further on, so that they never seem old.
SEQUENCES_PER_ATTEMPT = 1_000_000
#: What is said of an import that another process works on, where nothing else is known.
_AT_WORK = {
    ImportState.READING: "Reading the file...",
    ImportState.STAGING: "Loading data to staging table...",
    ImportState.PROMOTING: "Updating the final tables...",
}
_STEPS = {ImportState.QUEUED: 0, ImportState.READING: 1, ImportState.STAGING: 2}
#: What an import can take, in milliseconds: a day for an answer, and a week. A row that says more has seen a clock that was set.
_LONGEST = 8 * 24 * 3600 * 1000


class ImportSnapshots:
    """Finds the snapshot of a session: the tracker's or that of the import's row, whichever is newer.

    :param operation: finds what is on record of a backup, a restore or a clear.
    :param reachable: whether the sessions of other processes can be read, where there are any.
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
        """Return what is known of a session, or None; the id must be well formed.

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
            # The end of a backup is on record while it still keeps others away; its live session tells of it afterwards.
            return live or self._operation(session_id)
        recorded = snapshot(row, now_ms())
        if live is None:
            return recorded
        if (live_id := live["metadata"].get("importId")) != row.id:  # one of the two had this session id before
            return recorded if live_id is not None and live_id < row.id else live
        own = row.owner == process_id.own()
        is_updated = own or row.state not in (*RUNNING, *FINISHED) or self._reachable()
        return snapshots.newer(live, recorded, own=own, is_updated=is_updated, joining=joining)


def error_of(row: Import) -> ErrorRecord | None:
    """Why an import ended without success, if it did."""
    if row.state == ImportState.CANCELLED:
        return {"code": Cancelled.code, "detail": row.error_detail or Cancelled.detail}
    if row.state == ImportState.FAILED:
        code = row.error_code or HexTrackrError.code
        return {"code": code, "detail": row.error_detail or HexTrackrError.detail}
    return None


def first_sequence(row: Import) -> int:
    """Where the numbering of an import's events begins in the state it is in: above all that came before."""
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
    """The metadata a session starts with."""
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
        "totalRows": row.rows_read,
        "recordsCreated": row.inserted,
        "warnings": row.warnings,
        "summary": row.summary,
        "importSummary": {"severityImpact": _severity_impact(row)},
    }


def _severity_impact(row: Import) -> dict[str, dict[str, int]]:
    """What an import changed, by severity, with the names that other clients look for: what is ``current`` now, and the ``netChange``."""
    return {
        severity: {
            **numbers,
            "current": numbers["open"],
            "netChange": numbers["inserted"] + numbers["reopened"] - numbers["resolved"],
        }
        for severity, numbers in row.summary.get("bySeverity", {}).items()
    }


def work(row: Import) -> dict[str, Any]:
    """What is on record of the work on an import, see :attr:`.Import.work`."""
    return row.work or {}


def timing(row: Import) -> dict[str, Any]:
    """How long an import was worked on, step by step, and how long it waited for its turn before that (ms)."""
    return {"stepSeconds": work(row).get("stepSeconds", {}), "queuedMs": _span(row.created_at, row.started_at)}


def completion_message(row: Import) -> str:
    """Say what a completed import did, and what it could not do."""
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
        f": {row.inserted} new, {row.updated} updated, {row.reopened} reopened, "
        f"{row.resolved} resolved, {row.unchanged} unchanged."
    )


def unchecked_message(row: Import) -> str:
    """Say which findings were left as they were, as the file gave no verdict on them; empty if there are none."""
    if not (unchecked := row.summary.get("unchecked")):
        return ""
    left = counted(unchecked, "open finding was", "open findings were")
    return (
        f"{left} left open: the rows about {'it' if unchecked == 1 else 'them'} could not be read or gave no verdict."
    )


def counted(number: int, one: str, many: str = "") -> str:
    """``1 row``, ``2 rows``."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def confirmation(row: Import) -> tuple[str, dict[str, Any]]:
    """What is asked of the user, as a message and as metadata."""
    would = row.forecast
    if row.preview:
        message = (
            f"Nothing is changed yet. This import would bring {counted(would['inserted'], 'new finding')}, change {would['updated']}, "
            f"reopen {would['reopened']} and resolve {would['resolved']}. Confirm it or cancel it."
        )
    else:
        question = (
            f"This import would resolve {would['resolved']} of the {would['openBefore']} open findings of its source."
        )
        ways_out = "Confirm it, leave the others open, say that these are another source, or cancel it."
        message = " ".join((question, *(reason["sentence"] for reason in guard(row)), ways_out))
    return message, {"awaitingConfirmation": True, **forecast(row)}


def guard(row: Import) -> list[dict[str, Any]]:
    """Why an import asks although nobody wanted to be asked: ``reason``, a plain ``sentence``, and its figures."""
    reasons: list[dict[str, Any]] = row.forecast.get("guard", [])
    return reasons


def forecast(row: Import) -> dict[str, Any]:
    """What an import that awaits confirmation would do."""
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
    """Where the bar stands, or stood when the import ended: where the work on it stopped last, 0 if there was none."""
    return float(work(row).get("progress", 0.0))


def failure_message(filename: str, error: ErrorRecord) -> str:
    """Say what failed; why, the error's detail says."""
    if error["code"] == Cancelled.code:
        return f"The import of {filename} was cancelled."
    return f"The import of {filename} failed."


def snapshot(row: Import, timestamp: int) -> Snapshot:
    """The progress snapshot of an import, from its row alone."""
    error = error_of(row)
    state = ImportState(row.state)
    message, metadata = _message_and_metadata(row, state, error)
    if error:
        message = failure_message(row.filename, error)
    ended = state in FINISHED
    return snapshots.snapshot(
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
    """What there is to say of an import, in a sentence or a few."""
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
        return _AT_WORK[state], opening(row)
    return "The import waits for the server to go on with it.", opening(row)


def duration(row: Import) -> int | None:
    """Milliseconds of work on an import that has ended: as measured, else as the row says, where that can be.

    Waiting for its turn, or for somebody's answer, is no work.
    """
    if row.finished_at is None:
        return None
    measured: int | None = work(row).get("duration")
    if measured is not None:
        return measured
    return 0 if row.started_at is None else _span(row.started_at, row.finished_at)


def _span(since: int, until: int | None) -> int | None:
    """Milliseconds between two instants of the wall clock; None where it was set between them, or the later one is still to come."""
    if until is None or until - since > _LONGEST:
        return None
    return max(0, until - since)
