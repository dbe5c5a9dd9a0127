"""The handlers of the progress protocol; see :mod:`hextrackr.progress.protocol`."""

from __future__ import annotations

import logging
import time
from typing import Any

from flask_socketio import emit, join_room, leave_room

from hextrackr.errors import ErrorRecord, HexTrackrError, translated
from hextrackr.extensions import import_snapshots, socketio
from hextrackr.progress import protocol

log = logging.getLogger(__name__)


@socketio.on(protocol.JOIN)
def join_progress(session_id: object = None, *_: object) -> dict[str, Any]:
    """A client wants to watch a session; it gets the snapshot at once, and every event from now on.

    It may come before the upload that opens the session: then there is no snapshot yet.
    """
    session = protocol.session_id(session_id)
    join_room(protocol.room(session))
    snapshot = import_snapshots.find(session)
    if snapshot is not None:
        emit(protocol.STATUS, snapshot)
    return {"ok": True}


@socketio.on(protocol.LEAVE)
def leave_progress(session_id: object = None, *_: object) -> dict[str, Any]:
    """A client has closed its modal."""
    leave_room(protocol.room(protocol.session_id(session_id)))
    return {"ok": True}


@socketio.on(protocol.PING)
def ping(*_: object) -> None:
    """A client checks that the connection carries its messages, every 30 s; it counts a missing ``pong`` as broken."""
    emit(protocol.PONG)


@socketio.on_error_default
def refused(error: Exception) -> dict[str, Any]:
    """A handler raised: the asking socket is told in words, as an event and as the acknowledgement."""
    reason: HexTrackrError = translated(error)
    if reason.code == HexTrackrError.code:
        log.error("A socket handler failed", exc_info=error)
    record: ErrorRecord = reason.record()
    emit(protocol.ERROR, protocol.rejection(record, int(time.time() * 1000)))
    return {"ok": False, "error": record}
