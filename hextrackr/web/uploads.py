"""A file on its way in: straight to the disk, without holding up anybody else."""

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

#: After this many bytes the other green threads get their turn.
TURN_BYTES = 256 * 1024
#: After this many bytes the disk gets what there is, so that the end of the upload need not wait for all of it.
SYNC_BYTES = 16 * 1024 * 1024
#: An upload that brings nothing for so long has ended, in seconds.
STALL = 30.0
#: Bytes a second that an upload must bring on the whole, once it has taken longer than that.
SLOWEST = 1024


class Body:
    """The request's body as it comes in: counts the bytes and lets other green threads run in between.

    :param connection: the client's socket, where the server tells; no read from it waits longer than ``STALL``.
    """

    def __init__(self, stream: IO[bytes], connection: socket.socket | None = None) -> None:
        self._stream = stream
        self._since_turn = 0
        self._began = time.monotonic()
        self.received = 0
        if connection is not None:
            connection.settimeout(STALL)

    def read(self, size: int = -1) -> bytes:
        """Read at most ``size`` bytes.

        :raises IncompleteUpload: nothing comes any more, or hardly anything.
        """
        took = time.monotonic() - self._began
        if took > STALL and self.received < took * SLOWEST:
            raise IncompleteUpload
        try:
            data = self._stream.read(size)
        except TimeoutError:
            raise IncompleteUpload from None
        self.received += len(data)
        self._since_turn += len(data)
        if self._since_turn >= TURN_BYTES:
            self._since_turn = 0
            socketio.sleep(0)
        return data


class StoredFile:
    """A file part, written as a ``.part`` to the upload folder until :meth:`keep` gives it its name."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / files.upload_name("part")
        self._stream = os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b", buffering=0)
        self._unsynced = 0
        self._kept = False
        self._digest = hashlib.sha256()
        self.size = 0

    @property
    def digest(self) -> str:
        """The SHA-256 of what was written, in hex."""
        return self._digest.hexdigest()

    def write(self, data: bytes) -> int:
        """Append, and now and then wait for the disk."""
        written = self._stream.write(data)
        self._digest.update(data[:written])
        self.size += written
        self._unsynced += written
        if self._unsynced >= SYNC_BYTES:
            self._unsynced = 0
            offload(_sync, self._stream.fileno())
        return written

    def seek(self, position: int, whence: int = 0) -> int:
        """Werkzeug rewinds what it has parsed."""
        return self._stream.seek(position, whence)

    def read(self, size: int = -1) -> bytes:
        """Read back."""
        return self._stream.read(size)

    def keep(self) -> str:
        """Make the file durable under its final name and return that."""
        offload(_sync, self._stream.fileno())
        self._stream.close()
        final = self.path.with_suffix(".csv")
        self.path = self.path.rename(final)
        self._kept = True
        offload(_sync_folder, str(final.parent))
        return final.name

    def discard(self) -> None:
        """Remove the file unless it was kept."""
        self._stream.close()
        if not self._kept:
            self.path.unlink(missing_ok=True)

    close = discard

    def drop(self) -> None:
        """Remove the file though it was kept: nobody has taken it."""
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
