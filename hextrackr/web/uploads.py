"""Write uploads directly to the disk, without blocking other requests."""

from __future__ import annotations

import hashlib
import os
import socket
import time
from pathlib import Path
from typing import IO

from hextrackr.errors import IncompleteUpload
from hextrackr.extensions import offload, socketio
from hextrackr.jobs import files

#: Bytes after which other green threads run.
YIELD_BYTES = 256 * 1024
#: Bytes after which the file is synced, so that the sync at the end of the upload is short.
SYNC_BYTES = 16 * 1024 * 1024
#: Seconds without data after which an upload is incomplete.
STALL = 30.0
#: The minimum average speed of an upload that takes longer than that, in bytes per second.
SLOWEST = 1024


class Body:
    """The body of a request: counts the bytes, and lets other green threads run in between.

    :param connection: the client's socket, if the server provides it; reads from it time out after ``STALL``.
    """

    def __init__(self, stream: IO[bytes], connection: socket.socket | None = None) -> None:
        self._stream = stream
        self._since_yield = 0
        self._began = time.monotonic()
        self.received = 0
        if connection is not None:
            connection.settimeout(STALL)

    def read(self, size: int = -1) -> bytes:
        """Read at most ``size`` bytes.

        :raises IncompleteUpload: the client sends nothing, or too slowly.
        """
        took = time.monotonic() - self._began
        if took > STALL and self.received < took * SLOWEST:
            raise IncompleteUpload
        try:
            data = self._stream.read(size)
        except TimeoutError:
            raise IncompleteUpload from None
        self.received += len(data)
        self._since_yield += len(data)
        if self._since_yield >= YIELD_BYTES:
            self._since_yield = 0
            socketio.sleep(0)
        return data


class StoredFile:
    """An uploaded file. It is written as ``.part`` to the upload folder, and removed unless :meth:`keep` is called."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / files.upload_name("part")
        self._stream = os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b", buffering=0)
        self._unsynced = 0
        self._kept = False
        self._digest = hashlib.sha256()
        self.size = 0

    @property
    def digest(self) -> str:
        """The SHA-256 of the content, in hex."""
        return self._digest.hexdigest()

    def write(self, data: bytes) -> int:
        """Append data, and sync every ``SYNC_BYTES``."""
        written = self._stream.write(data)
        self._digest.update(data[:written])
        self.size += written
        self._unsynced += written
        if self._unsynced >= SYNC_BYTES:
            self._unsynced = 0
            offload(_sync, self._stream.fileno())
        return written

    def seek(self, position: int, whence: int = 0) -> int:
        """Set the position; Werkzeug rewinds parsed files."""
        return self._stream.seek(position, whence)

    def read(self, size: int = -1) -> bytes:
        """Read from the current position."""
        return self._stream.read(size)

    def keep(self) -> str:
        """Rename the file to its final name, sync it and return the name."""
        offload(_sync, self._stream.fileno())
        self._stream.close()
        final = self.path.with_suffix(".csv")
        self.path = self.path.rename(final)
        self._kept = True
        offload(_sync_folder, str(final.parent))
        return final.name

    def discard(self) -> None:
        """Close the file, and remove it unless it was kept."""
        self._stream.close()
        if not self._kept:
            self.path.unlink(missing_ok=True)

    close = discard

    def drop(self) -> None:
        """Remove the file even if it was kept, as its import could not be queued."""
        self._kept = False
        self.discard()


def _sync(descriptor: int) -> None:
    os.fdatasync(descriptor)


def _sync_folder(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
