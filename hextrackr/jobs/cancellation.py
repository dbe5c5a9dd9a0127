"""Asks whichever process works on an import to cancel it: by a file, as the database is locked while an import is promoted."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from hextrackr.domain.models import Import

#: How long to wait for the other process, in seconds.
PATIENCE = 5.0


def request(instance: Path, record: Import) -> None:
    """Ask for an import to be cancelled."""
    folder = instance / "cancel"
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / _name(record)).touch(mode=0o600)


def is_requested(instance: Path, record: Import) -> bool:
    """Whether somebody wants an import cancelled."""
    return (instance / "cancel" / _name(record)).exists()


def settle(instance: Path, record: Import) -> None:
    """Take back a request, once it has been followed or has come too late."""
    (instance / "cancel" / _name(record)).unlink(missing_ok=True)


def _name(record: Import) -> str:
    """Which import it is: its number alone may be that of another one once the record was cleared."""
    return f"{record.id}-{record.created_at}"


class Cancellation:
    """How one process takes part in that.

    :param sleep: waits in the server's async mode (seconds).
    """

    def __init__(self, instance: Path, sleep: Callable[[float], None]) -> None:
        self._instance = instance
        self._sleep = sleep

    def is_requested(self, record: Import) -> bool:
        """Whether somebody wants an import cancelled."""
        return is_requested(self._instance, record)

    def ask(self, record: Import, ended: Callable[[], bool]) -> None:
        """Ask the process that works on an import, and wait until it has ended, but not for ever."""
        request(self._instance, record)
        deadline = time.monotonic() + PATIENCE
        try:
            while not ended() and time.monotonic() < deadline:
                self._sleep(0.02)
        finally:
            settle(self._instance, record)
