"""The handlers of the progress protocol; see :mod:`hextrackr.progress.protocol`."""

from __future__ import annotations

import logging
import time
from threading import BoundedSemaphore
from typing import Any

from flask import current_app, request
from flask_socketio import emit, join_room, leave_room

from hextrackr.db.error_mapping import error_from_exception
from hextrackr.errors import ErrorRecord, HexTrackrError, TooMany
from hextrackr.extensions import import_snapshots, socketio
from hextrackr.progress import protocol

from .limits import SocketLimits

log = logging.getLogger(__name__)

#: Held while the database is asked for a socket: a crowd that joins must not take the connections that pages need.
_lookups = BoundedSemaphore(SocketLimits.lookups)


@socketio.on(protocol.JOIN)
def join_progress(session_id: object = None, *_: object) -> dict[str, Any]:
    """A client wants to watch a session; it gets the snapshot at once, and every event from now on.

    It may come before the upload that opens the session: then there is no snapshot yet.
    """
    session = protocol.session_id(session_id)
    watched = _watched()
    if len(watched) >= SocketLimits.rooms and session not in watched:
        raise TooMany("This socket watches too many sessions at once; leave some of them first.", "TOO_MANY_SESSIONS")
    watched.add(session)
    join_room(protocol.room(session))
    with _lookups:
        snapshot = import_snapshots.find(session)
    if snapshot is not None:
        emit(protocol.STATUS, snapshot)
    watchdog = current_app.extensions["session_watchdog"]
    if watchdog is not None:
        watchdog.joined(session, snapshot)
    return {"ok": True}


@socketio.on(protocol.LEAVE)
def leave_progress(session_id: object = None, *_: object) -> dict[str, Any]:
    """A client has closed its modal."""
    session = protocol.session_id(session_id)
    _watched().discard(session)
    leave_room(protocol.room(session))
    return {"ok": True}


@socketio.on(protocol.PING)
def ping(*_: object) -> None:
    """A client checks that the connection carries its messages, every 30 s; it counts a missing ``pong`` as broken."""
    emit(protocol.PONG)


@socketio.on_error_default
def refused(error: Exception) -> dict[str, Any]:
    """A handler raised: the asking socket is told in words, as an event and as the acknowledgement."""
    reason: HexTrackrError = error_from_exception(error)
    if reason.code == HexTrackrError.code:
        log.error("A socket handler failed", exc_info=error)
    record: ErrorRecord = reason.record()
    emit(protocol.ERROR, protocol.rejection(record, int(time.time() * 1000)))
    return {"ok": False, "error": record}


def _watched() -> set[str]:
    """The sessions that the asking socket has joined, kept with its connection."""
    watched: set[str] = request.environ.setdefault("hextrackr.watched", set())
    return watched
