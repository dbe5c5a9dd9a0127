"""What a client is told of an import: its row as JSON, and the progress snapshot of a session that has left memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from hextrackr.domain.models import FINISHED, RUNNING, Import, ImportState
from hextrackr.errors import Cancelled, ErrorRecord, HexTrackrError
from hextrackr.progress.protocol import Snapshot
from hextrackr.progress.tracker import ProgressTracker

from . import process_id
from .durations import measured
from .queue import ImportQueue, now_ms

OPERATION = "csv-import"
TOTAL_STEPS = 3
#: Each attempt at an import, and each wait after one, numbers its events from half of this further on, so that they never seem old.
SEQUENCES_PER_ATTEMPT = 1_000_000
#: How far an import is at least that another process works on, where nothing else is known.
_REACHED = {
    ImportState.READING: (0.0, "Reading the file..."),
    ImportState.STAGING: (20.0, "Loading data to staging table..."),
    ImportState.PROMOTING: (60.0, "Updating the final tables..."),
}


class ImportSnapshots:
    """Finds the snapshot of a session: the tracker's while it holds one and the import's row knows no better, else the row's.

    :param reachable: where sessions are shared between processes, whether those of the others can be read; else None.
    :ivar others: finds what is on record of sessions that are no imports.
    """

    def __init__(
        self, tracker: ProgressTracker, import_queue: ImportQueue, reachable: Callable[[], bool] | None = None
    ) -> None:
        self.others: Callable[[str], Snapshot | None] = lambda _: None
        self._tracker = tracker
        self._import_queue = import_queue
        self._reachable = reachable

    def find(self, session_id: str) -> Snapshot | None:
        """What is known of a session, or None; the id must be well formed."""
        live = self._tracker.snapshot(session_id)
        if live is not None and live["status"] in ("completed", "error"):
            return live
        try:
            record = self._import_queue.of_session(session_id)
        except SQLAlchemyError:
            if live is None:
                raise
            return live
        if record is None:
            return self.others(session_id) if live is None else live
        if live is not None and not self._is_stale(live, record):
            return live
        told = snapshot(record, now_ms())
        if live is not None:
            told["progress"] = max(told["progress"], live["progress"])
            if record.owner == process_id.own():  # what is about to be told here says the same
                told["metadata"]["sequence"] = live["metadata"]["sequence"] + 1
        return told

    def _is_stale(self, live: Snapshot, record: Import) -> bool:
        """Whether the row knows more: the word of whoever works on the import comes a little later, or has not come through."""
        asks = bool(live["metadata"].get("awaitingConfirmation"))
        if asks != (record.state == ImportState.AWAITING_CONFIRMATION):
            return True
        elsewhere = record.state in RUNNING and record.owner != process_id.own()
        return record.state in FINISHED or (elsewhere and self._reachable is not None and not self._reachable())


_STEPS = {ImportState.QUEUED: 0, ImportState.READING: 1, ImportState.STAGING: 2}


def error_of(record: Import) -> ErrorRecord | None:
    """Why an import ended without success, if it did."""
    if record.state == ImportState.CANCELLED:
        return {"code": Cancelled.code, "detail": record.error_detail or Cancelled.detail}
    if record.state == ImportState.FAILED:
        code = record.error_code or HexTrackrError.code
        return {"code": code, "detail": record.error_detail or HexTrackrError.detail}
    return None


def first_sequence(record: Import) -> int:
    """Where the numbering of an import's events begins in the state it is in: above all that came before."""
    working = record.state in RUNNING and record.lease_until > 0
    return 1 + record.attempts * SEQUENCES_PER_ATTEMPT - (SEQUENCES_PER_ATTEMPT // 2 if working else 0)


def figures(record: Import) -> dict[str, Any]:
    """The numbers of an import, named as in the progress contract."""
    return {
        "rowsRead": record.rows_read,
        "blank": record.blank,
        "merged": record.merged,
        "rejected": record.rejected,
        "insertedToStaging": record.staged,
        "inserted": record.inserted,
        "updated": record.updated,
        "reopened": record.reopened,
        "resolved": record.resolved,
        "unchanged": record.unchanged,
    }


def opening(record: Import) -> dict[str, Any]:
    """The metadata a session starts with."""
    return {
        "operation": OPERATION,
        "filename": record.filename,
        "scanDate": record.scan_date.isoformat() if record.scan_date else None,
        "totalSteps": TOTAL_STEPS,
        "currentStep": _STEPS.get(ImportState(record.state), TOTAL_STEPS),
        "importId": record.id,
        "vendor": record.vendor,
    }


def closing(record: Import) -> dict[str, Any]:
    """The metadata of a completed import."""
    return {
        **opening(record),
        **figures(record),
        "totalRows": record.rows_read,
        "recordsCreated": record.inserted,
        "warnings": record.warnings,
        "summary": record.summary,
    }


def completion_message(record: Import) -> str:
    """Say what a completed import did, and what it could not do."""
    rejected = f"completed with {counted(record.rejected, 'rejected row')}" if record.rejected else "complete"
    return " ".join(filter(None, (f"Import {rejected}{_what_it_did(record)}", unchecked_message(record))))


def _what_it_did(record: Import) -> str:
    if record.summary.get("late"):
        added = counted(record.summary["recorded"], "finding was", "findings were")
        return f". A newer scan is on record, so only the history was filled: {added} added to it."
    if repeated := record.summary.get("repeats"):
        same = counted(record.unchanged, "finding is", "findings are")
        return f". The file is the same as that of import {repeated}: {same} unchanged."
    if not record.staged:
        return ". The file holds no finding, so nothing was changed."
    return (
        f": {record.inserted} new, {record.updated} updated, {record.reopened} reopened, "
        f"{record.resolved} resolved, {record.unchanged} unchanged."
    )


def unchecked_message(record: Import) -> str:
    """Say which findings were left as they were, as the file gave no verdict on them; empty if there are none."""
    if not (unchecked := record.summary.get("unchecked")):
        return ""
    left = counted(unchecked, "open finding was", "open findings were")
    return (
        f"{left} left open: the rows about {'it' if unchecked == 1 else 'them'} could not be read or gave no verdict."
    )


def counted(number: int, one: str, many: str = "") -> str:
    """``1 row``, ``2 rows``."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def confirmation(record: Import) -> tuple[str, dict[str, Any]]:
    """What is asked of the user, as a message and as metadata."""
    told = record.forecast
    if record.preview:
        message = (
            f"Nothing is changed yet. This import would bring {counted(told['inserted'], 'new finding')}, change {told['updated']}, "
            f"reopen {told['reopened']} and resolve {told['resolved']}. Confirm it or cancel it."
        )
    else:
        question = (
            f"This import would resolve {told['resolved']} of the {told['openBefore']} open findings of its source."
        )
        ways_out = "Confirm it, leave the others open, say that these are another source, or cancel it."
        message = " ".join((question, *(reason["sentence"] for reason in guard(record)), ways_out))
    return message, {"awaitingConfirmation": True, **forecast(record)}


def guard(record: Import) -> list[dict[str, Any]]:
    """Why an import asks although nobody wanted to be asked: ``reason``, a plain ``sentence``, and its figures."""
    reasons: list[dict[str, Any]] = record.forecast.get("guard", [])
    return reasons


def forecast(record: Import) -> dict[str, Any]:
    """What an import that awaits confirmation would do."""
    told = record.forecast
    return {
        "wouldResolve": told["resolved"],
        "openBefore": told["openBefore"],
        "preview": record.preview,
        "guard": guard(record),
        "mode": record.mode,
        "source": record.source_label,
        "forecast": told,
        "warnings": record.warnings,
    }


def snapshot(record: Import, timestamp: int) -> Snapshot:
    """The progress snapshot of an import, from its row alone."""
    error = error_of(record)
    state = ImportState(record.state)
    status = "completed" if state == ImportState.COMPLETED else "error" if error else "processing"
    message, metadata = _told(record, state, error)
    over = state in FINISHED
    metadata["sequence"] = (record.attempts + 1) * SEQUENCES_PER_ATTEMPT if over else first_sequence(record)
    result: Snapshot = {
        "id": record.session_id,
        "sessionId": record.session_id,
        "progress": 100.0 if state == ImportState.COMPLETED else _REACHED.get(state, (0.0, ""))[0],
        "status": status,
        "message": message,
        "timestamp": timestamp,
        "startTime": record.created_at,
        "lastUpdate": record.finished_at or timestamp,
        "metadata": {**metadata, "message": message},
    }
    if state in FINISHED:
        result["duration"] = result["metadata"]["duration"] = duration(record)
    if error:
        result["error"] = error
    return result


def message_of(record: Import) -> str:
    """What there is to say of an import, in a sentence or a few."""
    return _told(record, ImportState(record.state), error_of(record))[0]


def _told(record: Import, state: ImportState, error: ErrorRecord | None) -> tuple[str, dict[str, Any]]:
    if state == ImportState.COMPLETED:
        return completion_message(record), closing(record)
    if error:
        return error["detail"], {**opening(record), **figures(record)}
    if state == ImportState.AWAITING_CONFIRMATION:
        message, asked = confirmation(record)
        return message, {**opening(record), **figures(record), **asked}
    if state in RUNNING and record.lease_until >= now_ms():
        return _REACHED[state][1], opening(record)
    return "The import waits for the server to go on with it.", opening(record)


def duration(record: Import) -> int | None:
    """Milliseconds from upload to end."""
    return measured.of(record)
