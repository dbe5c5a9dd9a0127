"""Export findings to a file: the reader process writes it from one version of the record, and the web process sends it."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
from flask import Response, current_app, request

from hextrackr.auth import actors
from hextrackr.errors import ErrorRecord, HexTrackrError, Interrupted
from hextrackr.extensions import reader, socketio
from hextrackr.progress.tracker import ProgressTracker
from hextrackr.readmodel.client import Reader
from hextrackr.realtime.websockets import has_left

from . import answers

log = logging.getLogger(__name__)

#: The time limit for writing a file, in seconds.
SECONDS = 600.0
#: Files older than this, in seconds, were left by a process that died.
_MAX_AGE = 2 * SECONDS
#: Seconds between two progress updates while the file is written, and the size of the chunks that are sent.
_INTERVAL, _CHUNK = 0.25, 1024 * 1024
_TYPES = {
    "csv": "text/csv",
    "json": "application/json",
    "jsonl": "application/jsonl",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_INCOMPLETE: ErrorRecord = {"code": Interrupted.code, "detail": "The download ended before the file was complete."}


def response(kind: str, query: dict[str, str]) -> Response:
    """Return the findings that match a query as a file; with ``sessionId``, report the progress in that session.

    :param kind: one of :data:`hextrackr.queries.export.KINDS`.
    :raises HexTrackrError: the file cannot be written.
    """
    session_id = query.pop("sessionId", "") if request.method == "GET" else ""
    progress = (
        ExportProgress(current_app.extensions["progress_tracker"], session_id, f"vulnerabilities.{kind}")
        if session_id
        else None
    )
    try:
        file, rows = _write(kind, query, progress)
    except HexTrackrError as error:
        if progress is not None:
            progress.fail(error.record())
        raise
    answer = Response(
        _send(file, rows, progress),
        mimetype=_TYPES[kind],
        headers={
            "Content-Disposition": f'attachment; filename="vulnerabilities.{kind}"',
            "Content-Length": str(os.fstat(file).st_size),
            "Cache-Control": "no-store",
        },
    )
    answer.call_on_close(lambda: os.close(file))
    if progress is not None:
        answer.call_on_close(lambda: progress.fail(_INCOMPLETE))
    return answer


def _user_metadata() -> dict[str, Any]:
    """Return the owner of the progress session, whom alone it is shown to; empty without a sign-in."""
    actor = actors.current()
    return {"userId": actor.user_id} if actor and actor.user_id is not None else {}


def _write(kind: str, query: dict[str, str], progress: ExportProgress | None) -> tuple[int, int]:
    """Let the reader write the file; return its descriptor, as the file is already unlinked, and its number of rows."""
    folder = Path(current_app.config["INSTANCE_PATH"], "exports")
    folder.mkdir(mode=0o700, exist_ok=True)
    _remove_old(folder)
    number = str(uuid.uuid4())
    done, watched = threading.Event(), threading.Event()
    socketio.start_background_task(
        _watch, answers.client_connection(), progress, number, current_app.extensions["reader"], done, watched
    )
    try:
        # A folder of its own, so that temporary files of a reader that dies are removed with it.
        with tempfile.TemporaryDirectory(dir=folder) as own:
            path = Path(own, "file")
            parameters = {"query": query, "kind": kind, "path": str(path), "id": number}
            rows = orjson.loads(reader.ask("export", parameters, deadline=SECONDS))["rows"]
            return os.open(path, os.O_RDONLY), rows
    finally:
        done.set()
        watched.wait()


def _remove_old(folder: Path) -> None:
    """Remove the files of processes that died."""
    for path in folder.iterdir():
        with suppress(FileNotFoundError):  # another process was quicker
            if time.time() - path.stat().st_mtime > _MAX_AGE:
                shutil.rmtree(path, ignore_errors=True)


def _watch(
    connection: Any,
    progress: ExportProgress | None,
    number: str,
    reader: Reader,
    done: threading.Event,
    watched: threading.Event,
) -> None:
    """Until a file is written, report how much of it is; and stop writing it if the client closes its connection.

    :param done: is set when the file is written.
    :param watched: is set when this reports nothing more.
    """
    try:
        while not done.wait(_INTERVAL):
            if has_left(connection):
                reader.ask("end_export", {"id": number})  # again and again, as it may not have begun yet
            elif progress is not None:
                progress.written(orjson.loads(reader.ask("export_share", {"id": number})) or 0.0)
    except HexTrackrError as error:
        log.warning("An export cannot be watched: %s", error.detail)
    finally:
        watched.set()


def _send(file: int, rows: int, progress: ExportProgress | None) -> Iterator[bytes]:
    size, position = os.fstat(file).st_size, 0
    while chunk := os.pread(file, _CHUNK, position):
        position += len(chunk)
        yield chunk
        if progress is not None:
            progress.sent(position, size, rows)
        socketio.sleep(0)
    if progress is not None:
        progress.sent(position, size, rows)
        progress.complete(rows)


class ExportProgress:
    """The progress session of an export: writing the file is the first half of the bar, sending it the second.

    :param session_id: chosen by the client.
    :param filename: the name of the file.
    :raises Conflict: ``SESSION_IN_USE``.
    :raises InvalidSessionId: the session id is invalid.
    """

    def __init__(self, tracker: ProgressTracker, session_id: str, filename: str) -> None:
        self._tracker = tracker
        self._began = time.monotonic()
        self._session_id = tracker.create_session_with_id(
            session_id,
            {"operation": "export", "filename": filename, "message": "Writing the file...", **_user_metadata()},
        )

    def written(self, share: float) -> None:
        """Report which share of the file is written, 0..1."""
        self._update(share / 2, "Writing the file...", {})

    def sent(self, sent: int, size: int, rows: int) -> None:
        """Report how many bytes of the file were sent."""
        share = sent / size if size else 1.0
        self._update(0.5 + share / 2, "Sending the file...", {"findings": round(rows * share), "bytes": sent})

    def _update(self, share: float, message: str, figures: dict[str, Any]) -> None:
        elapsed = time.monotonic() - self._began
        left = round(elapsed / share - elapsed, 1) if share else None
        rate = round(figures["findings"] / elapsed) if elapsed and "findings" in figures else None
        self._tracker.update_progress(
            self._session_id, min(99.0, 100 * share), message, {**figures, "etaSeconds": left, "rowsPerSecond": rate}
        )

    def complete(self, rows: int) -> None:
        """Report that the whole file was sent."""
        self._tracker.complete_session(
            self._session_id, f"The file is complete: {rows:,} findings.", {"recordsCreated": rows}
        )

    def fail(self, error: ErrorRecord) -> None:
        """Report an error, unless the export is complete; the client may have disconnected even before the first chunk."""
        self._tracker.error_session(self._session_id, error)
