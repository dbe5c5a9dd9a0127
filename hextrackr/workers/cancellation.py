"""Asks whichever process works on an import to cancel it: by a file, as the database is locked while an import is promoted."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

#: How long to wait for the other process, in seconds.
PATIENCE = 5.0


def request(instance: Path, import_id: int) -> None:
    """Ask for an import to be cancelled."""
    folder = instance / "cancel"
    folder.mkdir(exist_ok=True)
    (folder / str(import_id)).touch()


def requested(instance: Path) -> set[int]:
    """The imports that somebody wants cancelled."""
    return {int(path.name) for path in (instance / "cancel").glob("*") if path.name.isdigit()}


def settle(instance: Path, import_id: int) -> None:
    """Take back a request, once it has been followed or has come too late."""
    (instance / "cancel" / str(import_id)).unlink(missing_ok=True)


class Cancellation:
    """How one process takes part in that.

    :param sleep: waits in the server's async mode (seconds).
    """

    def __init__(self, instance: Path, sleep: Callable[[float], None]) -> None:
        self._instance = instance
        self._sleep = sleep

    def requested(self) -> set[int]:
        """The imports that somebody wants cancelled."""
        return requested(self._instance)

    def ask(self, import_id: int, ended: Callable[[], bool]) -> None:
        """Ask the process that works on an import, and wait until it has ended, but not for ever."""
        request(self._instance, import_id)
        deadline = time.monotonic() + PATIENCE
        while not ended() and time.monotonic() < deadline:
            self._sleep(0.02)
        settle(self._instance, import_id)
