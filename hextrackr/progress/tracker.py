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
from .session import Session
from .store import MemoryStore, SessionStore

#: Takes an event's name, its payload and the room it goes to.
Emit = Callable[[str, Snapshot, str], None]

log = logging.getLogger(__name__)

NO_METADATA: Mapping[str, Any] = {}


class ProgressTracker:
    """Progress sessions and their events.

    Updates of one session are at least ``interval_ms`` apart; one that comes sooner is held back and sent, with whatever came
    after it, when the interval is over. A terminal event goes out at once, and nothing follows it.

    An event that cannot be sent is lost and logged; the operation that reports it goes on.

    :param emit: called for every event.
    :param clock: where the time comes from.
    :param interval_ms: milliseconds between two updates of one session, at least 100.
    :param expiry_ms: a session without an update for this long is dropped.
    :param linger_ms: how long a finished session still answers from here; after that its operation's own record must.
    :param max_sessions: how many sessions are held at a time.
    """

    def __init__(
        self,
        emit: Emit,
        clock: Clock,
        *,
        interval_ms: int = 120,
        expiry_ms: int = 3_600_000,
        linger_ms: int = 60_000,
        max_sessions: int = 1_000,
        store: SessionStore | None = None,
    ) -> None:
        self._emit = emit
        self._clock = clock
        self._interval = max(100, interval_ms)
        self._expiry = expiry_ms
        self._linger = linger_ms
        self._max_sessions = max_sessions
        self._store = store or MemoryStore()
        self._lock = threading.RLock()  # events of one session leave in the order of its changes

    def create_session(self, metadata: Mapping[str, Any] = NO_METADATA) -> str:
        """Open a session under a new UUID and return that."""
        return self.create_session_with_id(str(uuid.uuid4()), metadata)

    def create_session_with_id(
        self, session_id: str, metadata: Mapping[str, Any] = NO_METADATA, *, sequence: int = 1
    ) -> str:
        """Open a session under the client's own UUID.

        :param metadata: at least ``operation``; ``filename``, ``scanDate``, ``totalSteps``, ``currentStep`` and ``message`` default.
        :param sequence: where the numbering starts; an operation that goes on after a restart starts higher than before.
        :raises InvalidSessionId: not a UUID.
        :raises Conflict: ``SESSION_IN_USE``, a live session has this id.
        :raises TooMany: there are ``max_sessions`` already.
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
        :raises InvalidSessionId: not a UUID.
        :raises TooMany: there are ``max_sessions`` already.
        """
        protocol.session_id(session_id)
        with self._lock:
            # Looked for once: whoever looks again may meet what another process has stored meanwhile, and is to take that over.
            known = self._store.get(session_id)
            if known is None or known.finished:
                self.expire()
                self._begin(session_id, metadata, sequence, known)
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
            session = self._changed(session_id, progress, message, metadata)
            if session is None:
                return False
            session.status = "processing"
            now = self._clock.monotonic_ms()
            if session.emitted is None or now - session.emitted >= self._interval:
                self._send_update(session)
            elif not session.held_back:
                session.held_back = True
                release = partial(self._release, session, session.emitted)
                self._clock.call_later(session.emitted + self._interval - now, release)
            self._store.put(session)
            return True

    def repeat(self, session_id: str) -> bool:
        """Say again what was said last, of an operation that goes on and has nothing new to tell; False as :meth:`update_progress`."""
        with self._lock:
            session = self._store.get(session_id)
            return session is not None and self.update_progress(
                session_id, session.progress, session.metadata.get("message", "")
            )

    def complete_session(self, session_id: str, message: str = "", metadata: Mapping[str, Any] = NO_METADATA) -> bool:
        """End the session well: progress 100, ``progress-complete``.

        :param metadata: the final figures; ``recordsCreated`` defaults to 0.
        """
        with self._lock:
            session = self._changed(session_id, 100.0, message, {"recordsCreated": 0, **metadata})
            if session is None:
                return False
            session.status = "completed"
            self._finish(session, protocol.COMPLETE)
            return True

    def error_session(self, session_id: str, error: ErrorRecord, metadata: Mapping[str, Any] = NO_METADATA) -> bool:
        """End the session with an error; its progress stays where it stopped."""
        with self._lock:
            session = self._changed(session_id, 0.0, error["detail"], metadata)
            if session is None:
                return False
            session.status = "error"
            session.error = error
            self._finish(session, protocol.ERROR)
            return True

    def get_session(self, session_id: str) -> dict[str, Any] | None:
        """The session as ``{id, progress, status, startTime, lastUpdate, metadata}``, or None."""
        with self._lock:
            self.expire()
            session = self._store.get(session_id)
            return session.record() if session else None

    def snapshot(self, session_id: str) -> Snapshot | None:
        """What a client that joins now is told, or None for an id that is not held here."""
        with self._lock:
            self.expire()
            session = self._store.get(session_id)
            return session.snapshot(self._clock.now_ms()) if session else None

    def expire(self) -> None:
        """Drop finished sessions that have lingered, and live ones that nobody has updated for ``expiry_ms``."""
        with self._lock:
            now = self._clock.monotonic_ms()
            for session in self._store:
                if now - session.touched >= (self._linger if session.finished else self._expiry):
                    self._store.drop(session.id)

    def _begin(self, session_id: str, metadata: Mapping[str, Any], sequence: int, known: Session | None) -> None:
        """Hold a new session; ``known`` is the finished one that it follows, if there is one."""
        if known is None and sum(1 for _ in self._store) >= self._max_sessions:
            raise TooMany("Too many operations are under way; please try again in a moment.")
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
            )
        )

    def _changed(self, session_id: str, progress: float, message: str, metadata: Mapping[str, Any]) -> Session | None:
        session = self._store.get(session_id)
        if session is None or session.finished:
            return None
        session.change(self._clock.now_ms(), self._clock.monotonic_ms(), progress, message, dict(metadata))
        return session

    def _send_update(self, session: Session) -> None:
        session.emitted = self._clock.monotonic_ms()
        session.held_back = False
        self._send(protocol.UPDATE, session)

    def _release(self, session: Session, emitted: int) -> None:
        """Send what waits since the update that left at ``emitted``.

        A timer that comes after the next update comes too late, whether that left here or another process has gone on.
        """
        with self._lock:
            waits = session.held_back and session.emitted == emitted and not session.finished
            if waits and self._store.get(session.id) is session:
                self._send_update(session)

    def _finish(self, session: Session, event: str) -> None:
        session.duration = self._clock.monotonic_ms() - session.started
        session.held_back = False
        self._store.put(session)
        self._send(event, session)

    def _send(self, event: str, session: Session) -> None:
        try:
            self._emit(event, session.snapshot(self._clock.now_ms()), protocol.room(session.id))
        except Exception:
            # Not even the transport's authors know all that a broken one raises, and none of it may fail an import: the next
            # snapshot tells everything again, and GET /api/progress/{id} the end.
            log.exception("The event %s of session %s was not sent", event, session.id)
