"""Files on their way in: straight to the disk, without holding up anybody else; how many at once; and the form of an import."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path, PureWindowsPath
from typing import IO, Any

from flask import Request, current_app
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser

from hextrackr.connections import TAKE_TIME
from hextrackr.domain import resolve_guard
from hextrackr.domain.models import ImportMode
from hextrackr.domain.resolve_guard import Answer
from hextrackr.errors import IncompleteUpload, RequestError, TooMany
from hextrackr.escaping import remove_invisible
from hextrackr.extensions import offload, socketio
from hextrackr.jobs import files
from hextrackr.progress import protocol

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


class UploadConcurrency:
    """Limits the uploads in progress, as each needs a green thread, a connection and a file.

    :param total: the limit for all clients.
    :param per_address: the limit for one address.
    """

    def __init__(self, total: int = 32, per_address: int = 16) -> None:
        self._total = total
        self._per_address = per_address
        self._taken: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def slot(self, address: str) -> Iterator[None]:
        """Reserve one of the slots.

        :raises TooMany: ``TOO_MANY_UPLOADS``: all slots are taken.
        """
        with self._lock:
            if self._taken.total() >= self._total or self._taken[address] >= self._per_address:
                raise TooMany("Too many uploads are in progress; please try again in a moment.", "TOO_MANY_UPLOADS")
            self._taken[address] += 1
        try:
            yield
        finally:
            with self._lock:
                self._taken[address] -= 1
                self._taken += Counter()  # removes zero counts


#: The uploads of this process, of imports and backups together.
UPLOADS = UploadConcurrency()

#: Bytes by which a form may be larger than its file.
FORM_BYTES = 64 * 1024


class _FormParser(FormDataParser):
    """A form parser that reads the stream through ``body_of``."""

    body_of: Callable[[IO[bytes]], IO[bytes]]

    def parse(self, stream: IO[bytes], *args: Any, **options: Any) -> Any:
        return super().parse(self.body_of(stream), *args, **options)


class ImportRequest(Request):
    """Flask's request, except that uploaded files are written to the disk and an incomplete body is an error."""

    form_data_parser_class = _FormParser

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._body: Body | None = None
        self.stored: list[StoredFile] = []

    def accept_upload(self, field: str = "csvFile", limit: int | None = None) -> StoredFile | None:
        """Read the form, and return the file in this field; other files are discarded.

        :param limit: the maximum size of the file in bytes, by default ``UPLOAD_MAX_BYTES``.
        :raises IncompleteUpload: the body is shorter than its Content-Length.
        :raises werkzeug.exceptions.RequestEntityTooLarge: the file is larger than the limit.
        """
        take_time = self.environ.get(TAKE_TIME)
        if take_time is not None:
            take_time()  # Body has its own time limit
        limit = current_app.config["UPLOAD_MAX_BYTES"] if limit is None else limit
        self.max_content_length = limit + FORM_BYTES
        upload = self.files.get(field)
        if self._body is not None and self.content_length is not None and self._body.received < self.content_length:
            raise IncompleteUpload
        if upload is None or not upload.filename:
            return None
        stored = upload.stream
        assert isinstance(stored, StoredFile)
        if stored.size > limit:
            raise RequestEntityTooLarge
        return stored

    def make_form_data_parser(self) -> FormDataParser:
        """Make a parser that stores files and counts the bytes of the body."""
        parser = super().make_form_data_parser()
        assert isinstance(parser, _FormParser)
        parser.stream_factory, parser.body_of = self._store, self._counted
        return parser

    def _store(self, *_sizes: Any, **_options: Any) -> IO[bytes]:
        stored = StoredFile(Path(current_app.config["INSTANCE_PATH"], "uploads"))
        self.stored.append(stored)
        return stored  # type: ignore[return-value]

    def _counted(self, stream: IO[bytes]) -> IO[bytes]:
        self._body = Body(stream, self.environ.get("gunicorn.socket"))
        return self._body  # type: ignore[return-value]

    def close(self) -> None:
        """Remove the files that were not kept; called at the end of every request, also after an error."""
        super().close()
        for stored in self.stored:
            stored.discard()


_FIRST_DAY = date(1990, 1, 1)
_MAX_LABEL = 100
_MAX_FILENAME = 255
_MAX_DIGITS = 18


def parse(form: MultiDict[str, str], filename: str) -> dict[str, Any]:
    """Parse the fields of an import, and return them as columns of its row.

    :raises RequestError: a field is invalid; the message names it.
    """
    session_id = form.get("sessionId", "").strip()
    return {
        "session_id": protocol.session_id(session_id) if session_id else str(uuid.uuid4()),
        "filename": shown_filename(filename),
        "vendor": _label(form, "vendor"),
        "source_label": _label(form, "source"),
        "scan_date": _day(form.get("scanDate", "").strip()),
        "mode": _mode(form.get("mode", "").strip()),
        "confirmed": _flag(form, "confirm"),
        "preview": _flag(form, "preview"),
        "date_order": _date_order(form.get("dateOrder", "").strip()),
    }


def first_part(form: MultiDict[str, str], received: int) -> tuple[str, str, int]:
    """Parse the fields of a recognition, and return the file name, the label of the source and the size of the whole file.

    :param received: the number of bytes that were uploaded.
    :raises RequestError: a field is invalid; the message names it.
    """
    text = form.get("size", "").strip()
    if not text.isascii() or not text.isdigit() or len(text) > _MAX_DIGITS or int(text) < received:
        raise RequestError("size must be the number of bytes of the whole file.")
    return shown_filename(form.get("filename", "")), _label(form, "source"), int(text)


def answer(body: bytes, payload: Any) -> Answer:
    """Parse the answer to an import's question.

    :param payload: the body as JSON; None if it is not JSON.
    :raises RequestError: the answer is invalid; the message says why.
    """
    if not body:
        return resolve_guard.YES
    if not isinstance(payload, dict):
        raise RequestError("The body must be a JSON object, or empty to confirm.")
    return resolve_guard.parse_answer(payload)


def shown_filename(filename: str) -> str:
    """Return the last part of the file name that the client sent, to be shown to users; it is never used as a path."""
    name = remove_invisible(PureWindowsPath(filename.replace("\0", "")).name)[-_MAX_FILENAME:]
    return name if name.strip(". ") else "upload.csv"


def _label(form: MultiDict[str, str], name: str) -> str:
    value = " ".join(form.get(name, "").split())
    if len(value) > _MAX_LABEL:
        raise RequestError(f"{name} may have at most {_MAX_LABEL} characters.")
    if value != remove_invisible(value):
        raise RequestError(f"{name} must not contain control characters or characters that change the text direction.")
    return value


def _date_order(text: str) -> str | None:
    if text not in ("", "day-first", "month-first"):
        raise RequestError("dateOrder must be day-first or month-first.")
    return text or None


def _flag(form: MultiDict[str, str], name: str) -> bool:
    return form.get(name, "").strip().lower() == "true"


def _day(text: str) -> date | None:
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise RequestError("scanDate must be a date such as 2026-08-20.") from None
    if not _FIRST_DAY <= day <= date.today() + timedelta(days=1):
        raise RequestError("scanDate must be between 1990-01-01 and today.")
    return day


def _mode(text: str) -> ImportMode:
    try:
        return ImportMode(text or ImportMode.FULL)
    except ValueError:
        raise RequestError(f"mode must be one of {', '.join(ImportMode)}.") from None
