"""Check watched sessions that have gone silent, as their events may have been lost on the way from another process.

The end of an import is written to its row before any event is sent. So if Redis or the process that ran the import fails, the watchers in
this process still receive the end from the row; while Redis does not answer they receive the progress of the row.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from hextrackr.errors import HexTrackrError
from hextrackr.progress import protocol
from hextrackr.progress.protocol import Snapshot

log = logging.getLogger(__name__)

#: Seconds without an event after which the row is read, and between two reads.
SILENCE = 2.0
#: Seconds between two checks.
EVERY = 1.0
_TERMINAL = {"completed": protocol.COMPLETE, "error": protocol.ERROR}


class SessionWatchdog:
    """Checks the sessions that sockets of this process have joined.

    :param find: finds the snapshot of a session, see :class:`hextrackr.jobs.snapshots.ImportSnapshots`.
    :param emit: emits an event to the members of a room in this process, which calls :meth:`on_event` like any other.
    :param has_members: whether a room has any.
    """

    def __init__(
        self,
        find: Callable[[str], Snapshot | None],
        emit: Callable[[str, Snapshot, str], None],
        has_members: Callable[[str], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._find = find
        self._emit = emit
        self._has_members = has_members
        self._clock = clock
        self._last_event_at: dict[str, float] = {}
        self._last_payload: dict[str, Snapshot] = {}

    def joined(self, session_id: str, snapshot: Snapshot | None) -> None:
        """Note that a socket has joined a session; one whose snapshot has the end needs no check."""
        if snapshot is None or snapshot["status"] not in _TERMINAL:
            self._last_event_at.setdefault(session_id, self._clock())

    def on_event(self, event: str, payload: Any) -> None:
        """Note that an event was sent to the sockets of this process, unless it is a snapshot for one that has just joined."""
        session_id = payload.get("sessionId") if isinstance(payload, dict) else None
        if session_id in self._last_event_at and event != protocol.STATUS:
            if event in _TERMINAL.values():
                self._forget(session_id)
            else:
                self._last_event_at[session_id] = self._clock()
                self._last_payload[session_id] = payload

    def run(self, sleep: Callable[[float], Any]) -> None:
        """Check once a second for as long as the process lives; an error of the database does not end it."""
        while True:
            sleep(EVERY)
            try:
                self.check()
            except (SQLAlchemyError, HexTrackrError, OSError):
                log.exception("An error occurred in the session watchdog, which continues")

    def check(self) -> None:
        """Look up the sessions that have been silent for too long, and emit their state if it has changed."""
        now = self._clock()
        for session_id, last_event_at in list(self._last_event_at.items()):
            if not self._has_members(protocol.room(session_id)):
                self._forget(session_id)
            elif now - last_event_at >= SILENCE:
                self._last_event_at[session_id] = now
                self._check_session(session_id)

    def _check_session(self, session_id: str) -> None:
        snapshot, last = self._find(session_id), self._last_payload.get(session_id)
        if snapshot is None:
            return
        if last is None or _content(snapshot) != _content(last):
            self._emit(_TERMINAL.get(snapshot["status"], protocol.UPDATE), snapshot, protocol.room(session_id))

    def _forget(self, session_id: str) -> None:
        self._last_event_at.pop(session_id, None)
        self._last_payload.pop(session_id, None)


def _content(snapshot: Snapshot) -> tuple[Any, ...]:
    """The content of a snapshot, without its sequence and times."""
    figures = {name: figure for name, figure in snapshot["metadata"].items() if name != "sequence"}
    return snapshot["status"], snapshot["message"], snapshot["progress"], figures
