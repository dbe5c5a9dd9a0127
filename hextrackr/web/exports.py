"""Findings as a file: the reader writes it, of one version of the record, and it is sent from there."""

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

log = logging.getLogger(__name__)

#: How long a file may take to be written, in seconds.
SECONDS = 600.0
#: What is older than so many seconds was left by a process that died.
_LEFT_BEHIND = 2 * SECONDS
#: Seconds between two looks at how much is written, and bytes that are sent at once.
_LOOK, _PIECE = 0.25, 256 * 1024
_TYPES = {
    "csv": "text/csv",
    "json": "application/json",
    "jsonl": "application/jsonl",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_CUT_SHORT: ErrorRecord = {"code": Interrupted.code, "detail": "The download ended before the file was complete."}


def response(kind: str, query: dict[str, str]) -> Response:
    """A file of what a query string asks for; with ``sessionId`` how far it is is told as a progress session.

    :param kind: one of :data:`hextrackr.queries.export.KINDS`.
    :raises HexTrackrError: it cannot be written.
    """
    session_id = query.pop("sessionId", "") if request.method == "GET" else ""
    progress = (
        ExportProgress(current_app.extensions["progress_tracker"], session_id, f"vulnerabilities.{kind}")
        if session_id
        else None
    )
    try:
        file, rows = _written(kind, query, progress)
    except HexTrackrError as error:
        if progress is not None:
            progress.fail(error.record())
        raise
    answer = Response(
        _sent(file, rows, progress),
        mimetype=_TYPES[kind],
        headers={
            "Content-Disposition": f'attachment; filename="vulnerabilities.{kind}"',
            "Content-Length": str(os.fstat(file).st_size),
            "Cache-Control": "no-store",
        },
    )
    answer.call_on_close(lambda: os.close(file))
    if progress is not None:
        answer.call_on_close(lambda: progress.fail(_CUT_SHORT))
    return answer


def _of_user() -> dict[str, Any]:
    """Whose session it is, where there is a sign-in: nobody else may watch it."""
    actor = actors.current()
    return {"userId": actor.user_id} if actor and actor.user_id is not None else {}


def _written(kind: str, query: dict[str, str], progress: ExportProgress | None) -> tuple[int, int]:
    """The file, which has no name any more, and how many rows it has."""
    folder = Path(current_app.config["INSTANCE_PATH"], "exports")
    folder.mkdir(mode=0o700, exist_ok=True)
    _clear(folder)
    number = str(uuid.uuid4())
    done, told = threading.Event(), threading.Event()
    if progress is not None:
        socketio.start_background_task(_tell, progress, number, current_app.extensions["reader"], done, told)
    try:
        # With it goes what a reader that dies has left beside the file.
        with tempfile.TemporaryDirectory(dir=folder) as own:
            path = Path(own, "file")
            asked = {"query": query, "kind": kind, "path": str(path), "id": number}
            rows = orjson.loads(reader.ask("export", asked, deadline=SECONDS))["rows"]
            return os.open(path, os.O_RDONLY), rows
    finally:
        done.set()
        if progress is not None:
            told.wait()


def _clear(folder: Path) -> None:
    """Remove what processes that died have left here."""
    for left in folder.iterdir():
        with suppress(FileNotFoundError):  # another process was quicker
            if time.time() - left.stat().st_mtime > _LEFT_BEHIND:
                shutil.rmtree(left, ignore_errors=True)


def _tell(progress: ExportProgress, number: str, reader: Reader, done: threading.Event, told: threading.Event) -> None:
    """Tell how much of a file is written until that is ``done``, and say when nothing more is ``told``."""
    try:
        while not done.wait(_LOOK):
            progress.written(orjson.loads(reader.ask("export_share", {"id": number})) or 0.0)
    except HexTrackrError as error:
        log.warning("How much of an export is written cannot be told: %s", error.detail)
    finally:
        told.set()


def _sent(file: int, rows: int, progress: ExportProgress | None) -> Iterator[bytes]:
    size, place = os.fstat(file).st_size, 0
    while piece := os.pread(file, _PIECE, place):
        place += len(piece)
        yield piece
        if progress is not None:
            progress.sent(place, size, rows)
        socketio.sleep(0)
    if progress is not None:
        progress.sent(place, size, rows)
        progress.complete(rows)


class ExportProgress:
    """The progress session of an export: writing the file is one half of the bar, and sending it the other.

    :param session_id: the client's own.
    :param filename: what the file is called.
    :raises Conflict: ``SESSION_IN_USE``.
    :raises InvalidSessionId: not a session id.
    """

    def __init__(self, tracker: ProgressTracker, session_id: str, filename: str) -> None:
        self._tracker = tracker
        self._began = time.monotonic()
        self._session_id = tracker.create_session_with_id(
            session_id, {"operation": "export", "filename": filename, "message": "Writing the file...", **_of_user()}
        )

    def written(self, share: float) -> None:
        """Tell how much of the file is written, 0..1."""
        self._update(share / 2, "Writing the file...", {})

    def sent(self, sent: int, size: int, rows: int) -> None:
        """Tell how many bytes of the file have left."""
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
        """Tell that all of it has left."""
        self._tracker.complete_session(
            self._session_id, f"The file is complete: {rows:,} findings.", {"recordsCreated": rows}
        )

    def fail(self, error: ErrorRecord) -> None:
        """Tell that it was cut short, unless it is complete: the client may have gone, before the first piece even."""
        self._tracker.error_session(self._session_id, error)
