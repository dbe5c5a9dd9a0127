"""The snapshot of a session that clients receive: its one format, and the rule that decides which of two snapshots is newer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hextrackr.errors import ErrorRecord

from .protocol import Snapshot, Status


def snapshot(
    session_id: str,
    status: Status,
    progress: float,
    message: str,
    metadata: Mapping[str, Any],
    *,
    sequence: int,
    start_time: int,
    last_update: int,
    timestamp: int,
    duration: int | None = None,
    error: ErrorRecord | None = None,
) -> Snapshot:
    """Build the snapshot of a session: the whole state, so that a client that joins late needs nothing else.

    :param sequence: rises with every change, so that a client can drop what arrives out of order.
    :param start_time: milliseconds since the epoch, as are ``last_update`` and ``timestamp``, which is now.
    :param duration: milliseconds, once the session has ended; None if it could not be measured.
    """
    result: Snapshot = {
        "id": session_id,
        "sessionId": session_id,
        "progress": progress,
        "status": status,
        "message": message,
        "timestamp": timestamp,
        "startTime": start_time,
        "lastUpdate": last_update,
        "metadata": {**metadata, "message": message, "sequence": sequence},
    }
    if has_ended(result):
        result["duration"] = result["metadata"]["duration"] = duration
    if error is not None:
        result["error"] = error
    return result


#: A running operation sends updates more often than this, in milliseconds.
SILENCE_MS = 2_000


def has_ended(snapshot: Snapshot) -> bool:
    """Whether the operation is over, successfully or not."""
    return snapshot["status"] in ("completed", "error")


def newer(live: Snapshot, recorded: Snapshot, *, own: bool, is_updated: bool = True, joining: bool = False) -> Snapshot:
    """Return the newer of two snapshots of one operation: of the live session, or of the row in the database.

    Usually the live one is newer: it changes with every update, the row only at a few points. But an end, a question and its answer are
    written to the row shortly before they are sent; until then the row is newer. It also is where updates of the working process
    do not arrive here.

    :param own: this process works on the operation, and will number its next event after the live session.
    :param is_updated: updates of the process that works on the operation reach the live session.
    :param joining: the snapshot is for a client that joins. It will receive the terminal event too, behind the updates that still wait,
        so the row's end is used only if the working process has gone silent.
    """
    asks, recorded_asks = (bool(each["metadata"].get("awaitingConfirmation")) for each in (live, recorded))
    if has_ended(live):
        return live
    if has_ended(recorded):
        is_current = joining and live["timestamp"] - live["lastUpdate"] < SILENCE_MS
    else:
        is_current = asks == recorded_asks
    if is_updated and is_current:
        return live
    metadata = recorded["metadata"]
    if own:
        metadata = {**metadata, "sequence": live["metadata"]["sequence"] + 1}
    return {**recorded, "progress": max(live["progress"], recorded["progress"]), "metadata": metadata}
