"""What a client is told of a session: its one shape, whoever knows it, and the rule by which one of two snapshots is newer."""

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
    """Make the snapshot of a session: the whole state, so that whoever joins late is right with it alone.

    :param sequence: rises with every change, so that a client can drop what arrives out of order.
    :param start_time: milliseconds since the epoch, as are ``last_update`` and ``timestamp``, which is now.
    :param duration: milliseconds, once the session has ended; None where that cannot be known.
    """
    made: Snapshot = {
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
    if has_ended(made):
        made["duration"] = made["metadata"]["duration"] = duration
    if error is not None:
        made["error"] = error
    return made


#: Who works on an operation tells of it more often than this, in milliseconds.
AT_WORK = 2_000


def has_ended(snapshot: Snapshot) -> bool:
    """Whether the operation is over, well or not."""
    return snapshot["status"] in ("completed", "error")


def newer(live: Snapshot, recorded: Snapshot, *, own: bool, heard: bool = True, joining: bool = False) -> Snapshot:
    """Return the newer one of a live session and what is on record of the same operation.

    The live one is, as it changes with every step and the record at a few only. But an end, a question and its answer are on record a
    little before they are told: then the record is newer. So it is where the process at work cannot be heard.

    :param own: this process is at work on the operation, and what it tells next of it will be numbered after the live session.
    :param heard: what the process at work tells of the operation reaches the live session.
    :param joining: it is for a client that will hear what that process tells, of the end too, behind the updates that still wait. Only
        if it has fallen silent, the record has to tell of the end.
    """
    asks, recorded_asks = (bool(each["metadata"].get("awaitingConfirmation")) for each in (live, recorded))
    if has_ended(live):
        return live
    if has_ended(recorded):
        is_told = joining and live["timestamp"] - live["lastUpdate"] < AT_WORK
    else:
        is_told = asks == recorded_asks
    if heard and is_told:
        return live
    metadata = recorded["metadata"]
    if own:
        metadata = {**metadata, "sequence": live["metadata"]["sequence"] + 1}
    return {**recorded, "progress": max(live["progress"], recorded["progress"]), "metadata": metadata}
