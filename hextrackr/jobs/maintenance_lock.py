"""The lock between processes that write to the record and processes that replace it, for all that share the data folder.

It uses two files, because a lock that one writer after another shares would never become free:

- ``maintenance.lock`` is held exclusively by a restore or a clear, from its request to its end. A writer that sees it refuses to write.
- ``writers.lock`` is held shared by each writer for as long as it writes: a request, an import from its claim to its clean-up, a command.
  A restore waits until it is free; and the process that replaces the database holds it exclusively while it does so.

The system releases both when their holder ends, however it ends (``flock(2)``). Nothing here blocks: it tries again after a sleep.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from hextrackr.errors import Conflict, Maintenance

#: Seconds to wait for a process that only checks the lock, and seconds that writers have to finish.
LOOK_PATIENCE = 1.0
WRITERS_PATIENCE = 10.0
#: Seconds between two attempts.
_RETRY = 0.02


class MaintenanceLock:
    """The lock of one data folder.

    :param sleep: waits (seconds) without blocking the event loop, where there is one.
    """

    def __init__(self, instance: Path, sleep: Callable[[float], None] = time.sleep) -> None:
        self._maintenance = instance / "maintenance.lock"
        self._writers = instance / "writers.lock"
        self._sleep = sleep

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the lock as a writer inside the block.

        :raises Maintenance: it is being replaced, or about to be.
        """
        with self._held(self._writers, fcntl.LOCK_SH):
            if self.is_held():
                raise Maintenance
            yield

    @contextmanager
    def joining(self) -> Iterator[None]:
        """Hold the lock as a writer on behalf of a process that holds it already, even if a restore waits for that process.

        :raises Maintenance: that process is gone, and the record is being replaced.
        """
        with self._held(self._writers, fcntl.LOCK_SH):
            yield

    @contextmanager
    def maintaining(self, check: Callable[[], None]) -> Iterator[None]:
        """Keep writers out inside the block.

        :param check: raises an error if maintenance must not begin; called before and after the writers have finished.
        :raises Maintenance: another process has the maintenance lock.
        :raises Conflict: ``RECORD_IN_USE``: a writer does not finish.
        """
        with self._held(self._maintenance, fcntl.LOCK_EX, LOOK_PATIENCE):
            check()
            with self.replacing():
                pass  # all earlier writers have finished, and later ones see the maintenance lock
            check()
            yield

    @contextmanager
    def replacing(self) -> Iterator[None]:
        """Hold the writers' lock exclusively inside the block, for the process that replaces the database.

        :raises Conflict: ``RECORD_IN_USE``: a writer does not finish.
        """
        try:
            descriptor = self._taken(self._writers, fcntl.LOCK_EX, WRITERS_PATIENCE)
        except Maintenance:
            raise Conflict(
                "Another operation is writing to the database; please try again when it is done.", "RECORD_IN_USE"
            ) from None
        try:
            yield
        finally:
            os.close(descriptor)

    def is_held(self) -> bool:
        """Whether the record is being replaced, or about to be."""
        try:
            os.close(self._taken(self._maintenance, fcntl.LOCK_SH))
        except Maintenance:
            return True
        return False

    @contextmanager
    def _held(self, path: Path, mode: int, patience: float = 0.0) -> Iterator[None]:
        descriptor = self._taken(path, mode, patience)
        try:
            yield
        finally:
            os.close(descriptor)

    def _taken(self, path: Path, mode: int, patience: float = 0.0) -> int:
        """Take the lock and return its file descriptor, a new one each time, so that it also works between threads of one process."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + patience
        try:
            while True:
                try:
                    fcntl.flock(descriptor, mode | fcntl.LOCK_NB)
                except BlockingIOError:
                    if time.monotonic() >= deadline:
                        raise Maintenance from None
                    self._sleep(_RETRY)
                else:
                    return descriptor
        except BaseException:
            os.close(descriptor)
            raise
