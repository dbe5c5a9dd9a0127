"""Looks after watched sessions that have gone silent: their events may have been lost on the way from another process.

The end of an import is in its row before anybody is told. Whatever becomes of Redis or of the process that ran the import, the watchers
in this process learn of it from there; while Redis is away they are shown how far the row says the import is.
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

#: Seconds without an event after which the row is asked, and between two questions.
SILENCE = 2.0
#: Seconds between two looks.
EVERY = 1.0
_TERMINAL = {"completed": protocol.COMPLETE, "error": protocol.ERROR}


class SessionWatchdog:
    """Watches over the sessions that sockets of this process have joined.

    :param find: what is known of a session, see :class:`hextrackr.jobs.snapshots.ImportSnapshots`.
    :param tell: emits an event to the members of a room in this process, which is :meth:`heard` like any other.
    :param has_members: whether a room has any.
    """

    def __init__(
        self,
        find: Callable[[str], Snapshot | None],
        tell: Callable[[str, Snapshot, str], None],
        has_members: Callable[[str], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._find = find
        self._tell = tell
        self._has_members = has_members
        self._clock = clock
        self._heard: dict[str, float] = {}
        self._told: dict[str, Snapshot] = {}

    def joined(self, session_id: str, snapshot: Snapshot | None) -> None:
        """A socket has joined; with the end in its snapshot there is nothing to look out for."""
        if snapshot is None or snapshot["status"] not in _TERMINAL:
            self._heard.setdefault(session_id, self._clock())

    def heard(self, event: str, payload: Any) -> None:
        """An event has reached the sockets of this process; a snapshot reaches only the one that has just joined."""
        session_id = payload.get("sessionId") if isinstance(payload, dict) else None
        if session_id in self._heard and event != protocol.STATUS:
            if event in _TERMINAL.values():
                self._forget(session_id)
            else:
                self._heard[session_id] = self._clock()
                self._told[session_id] = payload

    def keep_looking(self, sleep: Callable[[float], Any]) -> None:
        """Look once a second, whatever the database says, for as long as the process lives."""
        while True:
            sleep(EVERY)
            try:
                self.look()
            except (SQLAlchemyError, HexTrackrError, OSError):
                log.exception("The session watchdog met an error and goes on")

    def look(self) -> None:
        """Ask after those that have been silent for too long."""
        now = self._clock()
        for session_id, heard in list(self._heard.items()):
            if not self._has_members(protocol.room(session_id)):
                self._forget(session_id)
            elif now - heard >= SILENCE:
                self._heard[session_id] = now
                self._ask(session_id)

    def _ask(self, session_id: str) -> None:
        snapshot, told = self._find(session_id), self._told.get(session_id)
        if snapshot is None:
            return
        if told is None or _gist(snapshot) != _gist(told):
            self._tell(_TERMINAL.get(snapshot["status"], protocol.UPDATE), snapshot, protocol.room(session_id))

    def _forget(self, session_id: str) -> None:
        self._heard.pop(session_id, None)
        self._told.pop(session_id, None)


def _gist(snapshot: Snapshot) -> tuple[Any, ...]:
    """What two snapshots of one session say, whatever their numbers and times."""
    figures = {name: figure for name, figure in snapshot["metadata"].items() if name != "sequence"}
    return snapshot["status"], snapshot["message"], snapshot["progress"], figures
