"""The tracker: takes what an operation reports and tells everybody who watches it."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from hextrackr.errors import Conflict, ErrorRecord, TooMany

from . import protocol
from .clock import Clock
from .protocol import Snapshot
from .session import Session, Waiting
from .store import MemoryStore, SessionStore

#: Takes an event's name, its payload and the room it goes to.
Emit = Callable[[str, Snapshot, str], None]

log = logging.getLogger(__name__)

NO_METADATA: Mapping[str, Any] = {}
#: Milliseconds between the last update and the end.
END_INTERVAL = 150


class ProgressTracker:
    """Progress sessions and their events.

    Updates of one session are at least ``interval_ms`` apart; one that comes sooner waits, and is replaced by the next one, unless a
    step has begun with it: that is always told. A terminal event leaves at least :data:`END_INTERVAL` after the last update, and
    nothing follows it. There are clients in use that hold back an update which comes less than 100 ms after the one before, and
    draw it later: over the end, if that was quicker.

    An event that cannot be sent is lost and logged; the operation that reports it goes on.

    :param emit: called for every event.
    :param clock: where the time comes from.
    :param interval_ms: milliseconds between two updates of one session, at least 100.
    :param expiry_ms: a session without an update for this long is dropped.
    :param linger_ms: how long a finished session still answers from here; after that its operation's own record must.
    :param max_sessions: how many sessions are held at a time; finished ones make room.
    :param is_watched: whether anybody may be in a room; where nobody is, an end waits for nothing.
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
        self._lock = threading.RLock()  # events of one session leave in the order of its changes

    def create_session(self, metadata: Mapping[str, Any] = NO_METADATA) -> str:
        """Open a session under a new UUID and return that."""
        return self.create_session_with_id(str(uuid.uuid4()), metadata)

    def create_session_with_id(
        self, session_id: str, metadata: Mapping[str, Any] = NO_METADATA, *, sequence: int = 1
    ) -> str:
        """Open a session under the client's own id.

        :param metadata: at least ``operation``; ``filename``, ``scanDate``, ``totalSteps``, ``currentStep`` and ``message`` default.
        :param sequence: where the numbering starts; an operation that goes on after a restart starts higher than before.
        :raises InvalidSessionId: not a session id.
        :raises Conflict: ``SESSION_IN_USE``, a live session has this id.
        :raises TooMany: there are ``max_sessions`` under way already.
        """
        protocol.session_id(session_id)
        with self._lock:
            self.expire()
            known = self._store.get(session_id)
            if known is not None and not known.finished:
                raise Conflict("This session id is in use by a running operation.", "SESSION_IN_USE")
            self._begin(session_id, metadata, sequence, known)
        return session_id

    def withdraw_session(self, session_id: str) -> None:
        """Forget a session without a word: what it was opened for was refused."""
        with self._lock:
            self._store.drop(session_id)

    def open_session(self, session_id: str, metadata: Mapping[str, Any] = NO_METADATA, *, sequence: int = 1) -> bool:
        """Take over a live session, or open it if there is none: another process may have had it.

        :param metadata: what it begins with; one of which something was told keeps its own.
        :param sequence: what it is numbered from now on is not below this.
        :return: whether it was opened.
        :raises InvalidSessionId: not a session id.
        :raises TooMany: there are ``max_sessions`` under way already.
        """
        protocol.session_id(session_id)
        with self._lock:
            # Looked for once: whoever looks again may meet what another process has stored meanwhile, and is to take that over.
            known = self._store.get(session_id)
            if known is None or known.finished:
                self.expire()
                # Another process may have told of it in this moment.
                self._begin(session_id, metadata, sequence, known, told_at=self._clock.monotonic_ms())
                return True
            if known.status == "initialized":
                known.metadata = {**known.metadata, **metadata}
            known.sequence = max(known.sequence, sequence)
            self._store.put(known)
            return False

    def update_progress(
        self, session_id: str, progress: float, message: str = "", metadata: Mapping[str, Any] = NO_METADATA
    ) -> bool:
        """Report where the operation stands.

        :param progress: 0..100; a lower value than before leaves the number as it was.
        :param metadata: merged into what the session already says.
        :return: False if no live session has this id; a late report is no error.
        """
        with self._lock:
            session = self._live(session_id)
            if session is None:
                return False
            known, step = session.known_state(self._clock.now_ms()), session.step
            self._change(session, progress, message, metadata)
            session.status = "processing"
            begins_step = session.step > 1 and session.step != step
            self._tell(session, protocol.UPDATE, known, replaceable=not begins_step)
            return True

    def repeat(self, session_id: str) -> bool:
        """Say again what was said last, of an operation that goes on and has nothing new to tell; False as :meth:`update_progress`."""
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
        """End the session well: progress 100, ``progress-complete``.

        :param metadata: the final figures; ``recordsCreated`` defaults to 0.
        :param duration: milliseconds of work; by default all since the session was opened.
        """
        with self._lock:
            session = self._live(session_id)
            if session is None:
                return False
            known = session.known_state(self._clock.now_ms())
            self._change(session, 100.0, message, {"recordsCreated": 0, **metadata})
            session.status = "completed"
            self._finish(session, protocol.COMPLETE, known, duration)
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

        :param error: why.
        :param message: what failed.
        :param duration: as for :meth:`complete_session`.
        """
        with self._lock:
            session = self._live(session_id)
            if session is None:
                return False
            known = session.known_state(self._clock.now_ms())
            self._change(session, 0.0, message, metadata)
            session.status = "error"
            session.error = error
            self._finish(session, protocol.ERROR, known, duration)
            return True

    def get_session(self, session_id: str) -> dict[str, Any] | None:
        """The session as ``{id, progress, status, startTime, lastUpdate, metadata}``, or None."""
        with self._lock:
            self.expire()
            session = self._store.get(session_id)
            return session.record() if session else None

    def snapshot(self, session_id: str, *, joining: bool = False) -> Snapshot | None:
        """What a client is told that asks now, or None for an id that is not held here.

        :param joining: it will hear what still waits to be sent as well: so it is told what the others know.
        """
        with self._lock:
            self.expire()
            session = self._store.get(session_id)
            if session is None:
                return None
            now = self._clock.now_ms()
            return session.known_state(now) if joining else session.snapshot(now)

    @property
    def has_waiting(self) -> bool:
        """Whether events of this process still wait to be sent."""
        with self._lock:
            return any(session.waiting for session in self._store)

    def expire(self) -> None:
        """Drop finished sessions that have lingered, and live ones that nobody has updated for ``expiry_ms``."""
        with self._lock:
            now = self._clock.monotonic_ms()
            for session in self._store:
                if now - session.touched >= (self._linger if session.finished else self._expiry):
                    self._store.drop(session.id)

    def _make_room(self) -> None:
        """Drop the session that finished first and whose end was sent, if as many are held as may be.

        :raises TooMany: none has finished.
        """
        sessions = list(self._store)
        if len(sessions) < self._max_sessions:
            return
        finished = [session for session in sessions if session.finished and not session.waiting]
        if not finished:
            raise TooMany("Too many operations are under way; please try again in a moment.")
        self._store.drop(min(finished, key=lambda session: session.touched).id)

    def _begin(
        self,
        session_id: str,
        metadata: Mapping[str, Any],
        sequence: int,
        known: Session | None,
        told_at: int | None = None,
    ) -> None:
        """Hold a new session.

        :param known: the finished one that had this id, if there is one: nothing more is told of it, and its numbers go on.
        :param told_at: when something was told of the new one last (monotonic, ms), if it was.
        """
        if known is not None:
            known.waiting.clear()
            sequence = max(sequence, known.sequence + 1)
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
                emitted=told_at,
            )
        )

    def _live(self, session_id: str) -> Session | None:
        session = self._store.get(session_id)
        return None if session is None or session.finished else session

    def _change(self, session: Session, progress: float, message: str, metadata: Mapping[str, Any]) -> None:
        session.change(self._clock.now_ms(), self._clock.monotonic_ms(), progress, message, dict(metadata))

    def _finish(self, session: Session, event: str, known: Snapshot, duration: int | None) -> None:
        session.duration = self._clock.monotonic_ms() - session.started if duration is None else duration
        if not self._is_watched(protocol.room(session.id)):
            session.waiting.clear()
            session.emitted = None
        self._tell(session, event, known)

    def _tell(self, session: Session, event: str, known: Snapshot, *, replaceable: bool = False) -> None:
        """Send an event with the state of the session, once its time has come.

        :param known: the state that the watchers know until then.
        """
        if session.waiting and session.waiting[-1].replaceable:
            session.waiting.pop()
        session.waiting.append(Waiting(event, session.snapshot(self._clock.now_ms()), replaceable))
        session.told = known
        self._send_due(session)
        self._store.put(session)

    def _send_due(self, session: Session) -> None:
        """Send what waits, as far as its time has come, and look again when that of the next one has."""
        while session.waiting:
            wait = self._wait(session)
            if wait > 0:
                if not session.has_timer:
                    session.has_timer = True
                    self._clock.call_later(wait, partial(self._time_is_up, session))
                return
            due = session.waiting.pop(0)
            session.emitted = self._clock.monotonic_ms()
            session.told = due.snapshot if session.waiting else None
            self._send(due, session.id)

    def _wait(self, session: Session) -> int:
        """Milliseconds until the next event may leave."""
        if session.emitted is None:
            return 0
        interval = self._interval if session.waiting[0].event == protocol.UPDATE else END_INTERVAL
        return session.emitted + interval - self._clock.monotonic_ms()

    def _time_is_up(self, session: Session) -> None:
        with self._lock:
            session.has_timer = False
            if self._store.get(session.id) is session:
                self._send_due(session)
                self._store.put(session)
            else:
                session.waiting.clear()  # another process has gone on with it, or another operation has its id

    def _send(self, due: Waiting, session_id: str) -> None:
        snapshot, room = {**due.snapshot, "timestamp": self._clock.now_ms()}, protocol.room(session_id)
        try:
            if due.event == protocol.ERROR:
                self._emit(protocol.STATUS, snapshot, room)
            self._emit(due.event, snapshot, room)
        except Exception:
            # Not even the transport's authors know all that a broken one raises, and none of it may fail an import: the next
            # snapshot tells everything again, and GET /api/progress/{id} the end.
            log.exception("The event %s of session %s was not sent", due.event, session_id)
