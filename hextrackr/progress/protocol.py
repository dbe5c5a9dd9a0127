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
"""

from __future__ import annotations

import re
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
