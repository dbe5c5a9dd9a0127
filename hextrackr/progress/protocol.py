"""The contract with every client: event names, room names, session ids and payloads. Nothing here may be renamed.

===================  ================  =====================================================================
event                direction         payload
===================  ================  =====================================================================
``join-progress``    client -> server  the session id
``leave-progress``   client -> server  the session id
``ping``             client -> server  none; answered by ``pong``
``progress-status``  server -> socket  the snapshot, to the joining socket; to the room only with an error, see below
``progress-update``  server -> room    the snapshot, throttled
``progress-complete``  server -> room  the snapshot, ``status`` ``completed``, ``duration`` in ms
``progress-error``   server -> room    the snapshot, ``status`` ``error``, ``error: {code, detail}``
===================  ================  =====================================================================

Each ``progress-error`` directly follows a ``progress-status`` with the same snapshot: some existing clients do not handle
``progress-error`` and look at the ``status`` of each ``progress-status`` instead.

A snapshot of a session has one format, and one rule decides which of two is newer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from hextrackr.errors import ErrorRecord, InvalidSessionId

JOIN = "join-progress"
LEAVE = "leave-progress"
PING = "ping"
PONG = "pong"
STATUS = "progress-status"
UPDATE = "progress-update"
COMPLETE = "progress-complete"
ERROR = "progress-error"

Status = Literal["initialized", "processing", "completed", "error"]
Snapshot = dict[str, Any]

_SESSION_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")


def room(session_id: str) -> str:
    """The Socket.IO room of a session."""
    return f"progress-{session_id}"


def session_id(value: object) -> str:
    """Return ``value`` if it is a session id.

    :raises InvalidSessionId: it is not 8 to 64 letters, digits, ``_`` and ``-`` (a UUID is).
    """
    if not isinstance(value, str) or not _SESSION_ID.fullmatch(value):
        raise InvalidSessionId
    return value


def rejection(error: ErrorRecord, timestamp: int) -> Snapshot:
    """The payload of a ``progress-error`` that refuses a socket's request; it belongs to no session."""
    return {
        "sessionId": None,
        "progress": 0,
        "message": "The request was refused.",
        "status": "error",
        "timestamp": timestamp,
        "metadata": {},
        "error": error,
    }


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

    Usually the live one is newer: it changes with every update, the row only at a few points. But an error, a question and its answer are
    written to the row shortly before they are sent; until then the row is newer. It also is where updates of the working process
    do not arrive here. An operation that is complete in the record is complete once its working process sends so: until then the lists
    are brought up to date. If that process has gone silent, the row is right.

    :param own: this process works on the operation, and will number its next event after the live session.
    :param is_updated: updates of the process that works on the operation reach the live session.
    :param joining: the snapshot is for a client that joins. It will receive the terminal event too, behind the updates that still wait,
        so the row's error, too, is used only if the working process has gone silent.
    """
    asks, recorded_asks = (bool(each["metadata"].get("awaitingConfirmation")) for each in (live, recorded))
    if has_ended(live):
        return live
    if has_ended(recorded):
        is_working = live["timestamp"] - live["lastUpdate"] < SILENCE_MS
        is_current = is_working and (joining or recorded["status"] == "completed")
    else:
        is_current = asks == recorded_asks
    if is_updated and is_current:
        return live
    metadata = recorded["metadata"]
    if own:
        metadata = {**metadata, "sequence": live["metadata"]["sequence"] + 1}
    return {**recorded, "progress": max(live["progress"], recorded["progress"]), "metadata": metadata}
