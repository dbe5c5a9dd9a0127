"""The socket handlers of the progress protocol; see :mod:`hextrackr.progress.protocol`.

They are registered with the Socket.IO server directly: Flask-SocketIO makes a request context for each event, which was a fifth of the
cost of a join.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import partial
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Any

from socketio import Server
from socketio.exceptions import ConnectionRefusedError

from hextrackr.db.error_mapping import error_from_exception
from hextrackr.errors import ErrorRecord, HexTrackrError, TooMany
from hextrackr.progress import protocol
from hextrackr.progress.protocol import Snapshot

from .client_limits import SocketLimits

if TYPE_CHECKING:
    from hextrackr.auth.guard import SocketGuard

    from .session_watchdog import SessionWatchdog

log = logging.getLogger(__name__)

Acknowledgement = dict[str, Any]
#: Called with the id of the socket, and the arguments of the event.
Handler = Callable[..., Acknowledgement | None]


class ProgressEvents:
    """The events that clients may send to one server.

    :param find: finds the snapshot that a joining client receives, see :class:`hextrackr.jobs.snapshots.ImportSnapshots`.
    :param watchdog: checks the joined sessions, if other processes emit events as well.
    :param guard: refuses sockets without permission, if there is a sign-in.
    """

    def __init__(
        self,
        server: Server,
        find: Callable[[str], Snapshot | None],
        watchdog: SessionWatchdog | None = None,
        guard: SocketGuard | None = None,
    ) -> None:
        self._server = server
        self._find = find
        self._watchdog = watchdog
        self._guard = guard
        # Limits the queries for sockets: many clients that join at once must not use up the database connections that pages need.
        self._lookups = BoundedSemaphore(SocketLimits.lookups)
        handlers: dict[str, Handler] = {
            protocol.JOIN: self.join_progress,
            protocol.LEAVE: self.leave_progress,
            protocol.PING: self.ping,
        }
        for event, handler in handlers.items():
            server.on(event, partial(self._answer, handler))
        if guard is not None:
            server.on("connect", partial(self._admit, guard))
            server.on("disconnect", lambda socket, *_: guard.leave(socket))

    def _admit(self, guard: SocketGuard, socket: str, environ: dict[str, Any], auth: object = None) -> None:
        """Handle the connect of a client: refuse it unless it has signed in."""
        try:
            with self._lookups:
                guard.admit(socket, environ, auth)
        except HexTrackrError as refusal:
            raise ConnectionRefusedError(refusal.detail) from None

    def join_progress(self, socket: str, session_id: object = None, *_: object) -> Acknowledgement:
        """Handle ``join-progress``: send the client the snapshot of a session now, and every event from now on.

        A client may join before the upload that opens the session; then there is no snapshot yet.
        """
        session = protocol.session_id(session_id)
        watched = self._watched(socket)
        if len(watched) >= SocketLimits.rooms and session not in watched:
            raise TooMany("This socket has joined too many sessions; leave some of them first.", "TOO_MANY_SESSIONS")
        if self._guard is not None:
            with self._lookups:
                self._guard.check_join(socket, self._find(session))
        watched.add(session)
        self._server.enter_room(socket, protocol.room(session))
        with self._lookups:
            snapshot = self._find(session)
        if snapshot is not None:
            self._server.emit(protocol.STATUS, snapshot, to=socket)
        if self._watchdog is not None:
            self._watchdog.joined(session, snapshot)
        return {"ok": True}

    def leave_progress(self, socket: str, session_id: object = None, *_: object) -> Acknowledgement:
        """Handle ``leave-progress``: a client has closed its modal."""
        session = protocol.session_id(session_id)
        self._watched(socket).discard(session)
        self._server.leave_room(socket, protocol.room(session))
        return {"ok": True}

    def ping(self, socket: str, *_: object) -> None:
        """Answer the ``ping`` that a client sends every 30 s; without a ``pong`` it treats the connection as broken."""
        self._server.emit(protocol.PONG, to=socket)

    def _answer(self, handler: Handler, socket: str, *arguments: object) -> Any:
        """Call a handler; if it raises, send the socket the error, as an event and as the acknowledgement."""
        try:
            return handler(socket, *arguments)
        except Exception as error:
            reason: HexTrackrError = error_from_exception(error)
            if reason.code == HexTrackrError.code:
                log.exception("A socket handler failed")
            record: ErrorRecord = reason.record()
            self._server.emit(protocol.ERROR, protocol.rejection(record, int(time.time() * 1000)), to=socket)
            return {"ok": False, "error": record}

    def _watched(self, socket: str) -> set[str]:
        """The sessions that a socket has joined, stored in the environment of its connection."""
        watched: set[str] = self._server.get_environ(socket).setdefault("hextrackr.watched", set())
        return watched
