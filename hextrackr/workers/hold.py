"""Held by whoever replaces the record: meanwhile no process on this machine takes an upload or an import."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class Hold:
    """A lock on a file of the data folder; the system lets go of it when its holder ends, however it ends."""

    def __init__(self, instance: Path) -> None:
        self._path = instance / "replacing"
        self._descriptor: int | None = None

    def take(self) -> bool:
        """Take it; False if somebody has it."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Let go of it, if it is held here."""
        if self._descriptor is not None:
            self._path.unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor = None

    def is_held(self) -> bool:
        """Whether anybody has it."""
        try:
            descriptor = os.open(self._path, os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False
