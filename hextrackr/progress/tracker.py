"""The progress tracker: receives the reports of operations and emits them as events to the clients that watch."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from hextrackr.errors import Conflict, ErrorRecord, TooMany

from . import protocol
from .protocol import Snapshot
from .session import Clock, MemoryStore, Session, SessionStore, Waiting

#: Called with an event's name, its payload and the room it goes to.
Emit = Callable[[str, Snapshot, str], None]

log = logging.getLogger(__name__)

NO_METADATA: Mapping[str, Any] = {}
#: Milliseconds between the last update and the terminal event.
END_INTERVAL = 150


class ProgressTracker:
    """Progress sessions and their events.

    Updates of one session are at least ``interval_ms`` apart. An earlier one waits, and the next one replaces it; if it begins a step,
    only one of the same step with the same message does, so that each beginning is told. A terminal event is sent at least
    :data:`END_INTERVAL` after the last update, and nothing follows it: some existing clients delay an update that comes less than 100 ms
    after the one before, and would draw it over the end.

    An event that cannot be sent is logged and lost; the operation goes on.

    :param emit: called for every event.
    :param clock: where the time comes from.
    :param interval_ms: milliseconds between two updates of one session, at least 100.
    :param expiry_ms: a session without an update for this long is dropped.
    :param linger_ms: how long a finished session can still be read here; after that only from the operation's row in the database.
    :param max_sessions: limit of sessions at a time; finished ones are dropped to make room.
    :param is_watched: whether a client may be in a room; if not, a terminal event is sent without waiting.
    """

    def __init__(
        self,
        emit: Emit,
        clock: Clock,
        *,
        interval_ms: int = 200,
        expiry_ms: int = 3_600_000,
        linger_ms: int = 60_000,
        max_sessions: int = 1_000,
        store: SessionStore | None = None,
        is_watched: Callable[[str], bool] = lambda _room: True,
    ) -> None:
        self._emit = emit
        self._clock = clock
        self._interval = max(100, interval_ms)
        self._expiry = expiry_ms
        self._linger = linger_ms
        self._max_sessions = max_sessions
        self._store = store or MemoryStore()
        self._is_watched = is_watched
        self._lock = threading.RLock()  # events of one session are sent in the order of its changes

    def create_session(self, metadata: Mapping[str, Any] = NO_METADATA) -> str:
        """Open a session under a new UUID, and return the UUID."""
        return self.create_session_with_id(str(uuid.uuid4()), metadata)

    def create_session_with_id(
        self, session_id: str, metadata: Mapping[str, Any] = NO_METADATA, *, sequence: int = 1
    ) -> str:
        """Open a session under the client's own id.

        :param metadata: at least ``operation``; ``filename``, ``scanDate``, ``totalSteps``, ``currentStep`` and ``message`` have defaults.
        :param sequence: the first sequence number; an operation that goes on after a restart starts higher than before.
        :raises InvalidSessionId: not a session id.
        :raises Conflict: ``SESSION_IN_USE``, a live session has this id.
        :raises TooMany: ``max_sessions`` operations are running already.
        """
        protocol.session_id(session_id)
        with self._lock:
            self.expire()
            existing = self._store.get(session_id)
            if existing is not None and not existing.finished:
                raise Conflict("This session id is in use by a running operation.", "SESSION_IN_USE")
            self._begin(session_id, metadata, sequence, existing)
        return session_id

    def withdraw_session(self, session_id: str) -> None:
        """Drop a session without an event, because its operation was refused."""
        with self._lock:
            self._store.drop(session_id)

    def open_session(self, session_id: str, metadata: Mapping[str, Any] = NO_METADATA, *, sequence: int = 1) -> bool:
        """Take over a live session, possibly of another process, or open a new one.

        :param metadata: its first metadata; a session that has sent an update already keeps its own.
        :param sequence: the lowest sequence number from now on.
        :return: whether a new session was opened.
        :raises InvalidSessionId: not a session id.
        :raises TooMany: ``max_sessions`` operations are running already.
        """
        protocol.session_id(session_id)
        with self._lock:
            # Read it once only: a second read could return what another process has stored meanwhile.
            existing = self._store.get(session_id)
            if existing is None or existing.finished:
                self.expire()
                # Another process may have sent an event just now.
                self._begin(session_id, metadata, sequence, existing, emitted=self._clock.monotonic_ms())
                return True
            if existing.status == "initialized":
                existing.metadata = {**existing.metadata, **metadata}
            existing.sequence = max(existing.sequence, sequence)
            self._store.put(existing)
            return False

    def update_progress(
        self, session_id: str, progress: float, message: str = "", metadata: Mapping[str, Any] = NO_METADATA
    ) -> bool:
        """Report the progress of an operation.

        :param progress: 0..100; a value lower than before is ignored.
        :param metadata: merged into the metadata of the session.
        :return: False if no live session has this id; a late report is no error.
        """
        with self._lock:
            session = self._live(session_id)
            if session is None:
                return False
            sent, step = session.sent_snapshot(self._clock.now_ms()), session.step
            self._change(session, progress, message, metadata)
            session.status = "processing"
            begins_step = session.step > 1 and session.step != step
            self._schedule(session, protocol.UPDATE, sent, replaceable=not begins_step)
            return True

    def repeat(self, session_id: str) -> bool:
        """Send the last update again, for an operation that is still running but has nothing new to report.

        :return: as :meth:`update_progress`.
        """
        with self._lock:
            session = self._store.get(session_id)
            return session is not None and self.update_progress(
                session_id, session.progress, session.metadata.get("message", "")
            )

    def complete_session(
        self,
        session_id: str,
        message: str = "",
        metadata: Mapping[str, Any] = NO_METADATA,
        *,
        duration: int | None = None,
    ) -> bool:
        """End the session with success: progress 100, ``progress-complete``.

        :param metadata: the final figures; ``recordsCreated`` defaults to 0.
        :param duration: milliseconds of work; by default the time since the session was opened.
        """
        with self._lock:
            session = self._live(session_id)
            if session is None:
                return False
            sent = session.sent_snapshot(self._clock.now_ms())
            self._change(session, 100.0, message, {"recordsCreated": 0, **metadata})
            session.status = "completed"
            self._finish(session, protocol.COMPLETE, sent, duration)
            return True

    def error_session(
        self,
        session_id: str,
        error: ErrorRecord,
        metadata: Mapping[str, Any] = NO_METADATA,
        *,
        message: str = "The operation failed.",
        duration: int | None = None,
    ) -> bool:
        """End the session with an error; its progress stays where it stopped.

        :param error: the reason.
        :param message: what failed.
        :param duration: as for :meth:`complete_session`.
        """
        with self._lock:
            session = self._live(session_id)
            if session is None:
                return False
            sent = session.sent_snapshot(self._clock.now_ms())
            self._change(session, 0.0, message, metadata)
            session.status = "error"
            session.error = error
            self._finish(session, protocol.ERROR, sent, duration)
            return True

    def get_session(self, session_id: str) -> dict[str, Any] | None:
        """The session as ``{id, progress, status, startTime, lastUpdate, metadata}``, or None."""
        with self._lock:
            self.expire()
            session = self._store.get(session_id)
            return session.as_dict() if session else None

    def snapshot(self, session_id: str, *, joining: bool = False) -> Snapshot | None:
        """The snapshot of a session as it is now, or None for an id that is not stored here.

        :param joining: for a client that joins: without the events that still wait to be sent, as it will receive those too.
        """
        with self._lock:
            self.expire()
            session = self._store.get(session_id)
            if session is None:
                return None
            now = self._clock.now_ms()
            return session.sent_snapshot(now) if joining else session.snapshot(now)

    @property
    def has_waiting(self) -> bool:
        """Whether events of this process still wait to be sent."""
        with self._lock:
            return any(session.waiting for session in self._store)

    def expire(self) -> None:
        """Drop sessions that finished ``linger_ms`` ago, and live ones without an update for ``expiry_ms``."""
        with self._lock:
            now = self._clock.monotonic_ms()
            for session in self._store:
                if now - session.touched >= (self._linger if session.finished else self._expiry):
                    self._store.drop(session.id)

    def _make_room(self) -> None:
        """At the limit of sessions, drop the one that finished first and whose terminal event was sent.

        :raises TooMany: none has finished.
        """
        sessions = list(self._store)
        if len(sessions) < self._max_sessions:
            return
        finished = [session for session in sessions if session.finished and not session.waiting]
        if not finished:
            raise TooMany("Too many operations are in progress; please try again in a moment.")
        self._store.drop(min(finished, key=lambda session: session.touched).id)

    def _begin(
        self,
        session_id: str,
        metadata: Mapping[str, Any],
        sequence: int,
        finished: Session | None,
        emitted: int | None = None,
    ) -> None:
        """Store a new session.

        :param finished: the session that had this id before, if any: its waiting events are dropped, and its numbers are continued.
        :param emitted: when an event of the new session was last sent (monotonic, ms), if one was.
        """
        if finished is not None:
            finished.waiting.clear()
            sequence = max(sequence, finished.sequence + 1)
        else:
            self._make_room()
        defaults = {
            "operation": "",
            "filename": "",
            "scanDate": None,
            "totalSteps": 1,
            "currentStep": 0,
            "message": "",
        }
        self._store.put(
            Session(
                session_id,
                {**defaults, **metadata},
                start_time=self._clock.now_ms(),
                started=self._clock.monotonic_ms(),
                sequence=sequence,
                emitted=emitted,
            )
        )

    def _live(self, session_id: str) -> Session | None:
        session = self._store.get(session_id)
        return None if session is None or session.finished else session

    def _change(self, session: Session, progress: float, message: str, metadata: Mapping[str, Any]) -> None:
        session.change(self._clock.now_ms(), self._clock.monotonic_ms(), progress, message, dict(metadata))

    def _finish(self, session: Session, event: str, sent: Snapshot, duration: int | None) -> None:
        session.duration = self._clock.monotonic_ms() - session.started if duration is None else duration
        if not self._is_watched(protocol.room(session.id)):
            session.waiting.clear()
            session.emitted = None
        self._schedule(session, event, sent)

    def _schedule(self, session: Session, event: str, sent: Snapshot, *, replaceable: bool = False) -> None:
        """Send an event with the state of the session as soon as the interval allows.

        :param sent: the state that the watchers have until then.
        """
        waiting = Waiting(event, session.snapshot(self._clock.now_ms()), replaceable)
        last = session.waiting[-1] if session.waiting else None
        if last is not None and (last.replaceable or last.tells_same_as(waiting)):
            session.waiting.pop()
            waiting = replace(waiting, replaceable=replaceable and last.replaceable)
        session.waiting.append(waiting)
        session.sent = sent
        self._send_due(session)
        self._store.put(session)

    def _send_due(self, session: Session) -> None:
        """Send the waiting events that are due, and set a timer for the next one."""
        while session.waiting:
            wait = self._wait(session)
            if wait > 0:
                if not session.has_timer:
                    session.has_timer = True
                    self._clock.call_later(wait, partial(self._on_timer, session))
                return
            due = session.waiting.pop(0)
            session.emitted = self._clock.monotonic_ms()
            session.sent = due.snapshot if session.waiting else None
            self._send(due, session.id)

    def _wait(self, session: Session) -> int:
        """Milliseconds until the next event may be sent."""
        if session.emitted is None:
            return 0
        interval = self._interval if session.waiting[0].event == protocol.UPDATE else END_INTERVAL
        return session.emitted + interval - self._clock.monotonic_ms()

    def _on_timer(self, session: Session) -> None:
        with self._lock:
            session.has_timer = False
            if self._store.get(session.id) is session:
                self._send_due(session)
                self._store.put(session)
            else:
                session.waiting.clear()  # another process has taken it over, or another operation has its id

    def _send(self, due: Waiting, session_id: str) -> None:
        snapshot, room = {**due.snapshot, "timestamp": self._clock.now_ms()}, protocol.room(session_id)
        try:
            if due.event == protocol.ERROR:
                self._emit(protocol.STATUS, snapshot, room)
            self._emit(due.event, snapshot, room)
        except Exception:
            # A broken transport may raise anything, and none of it may fail an import: the next snapshot carries everything
            # again, and GET /api/progress/{id} answers the end.
            log.exception("The event %s of session %s was not sent", due.event, session_id)
