"""Tells the progress tracker how far an exported file has come while its pieces leave; the export does not know that it is watched."""

from __future__ import annotations

import time
from collections.abc import Iterator

from hextrackr.errors import ErrorRecord, Interrupted
from hextrackr.progress.tracker import ProgressTracker

from .exports import Export

_CUT_SHORT: ErrorRecord = {"code": Interrupted.code, "detail": "The download ended before the file was complete."}


class ExportProgress:
    """An export with a progress session.

    :param session_id: the client's own.
    :param filename: what the file is called.
    :raises Conflict: ``SESSION_IN_USE``.
    :raises InvalidSessionId: not a UUID.
    """

    def __init__(self, export: Export, tracker: ProgressTracker, session_id: str, filename: str) -> None:
        self._export = export
        self._tracker = tracker
        self._session_id = tracker.create_session_with_id(
            session_id, {"operation": "export", "filename": filename, "message": "Writing the file..."}
        )

    def text(self) -> Iterator[bytes]:
        """The file, in the pieces of the export. What is told of a piece is told once it has left."""
        begun, size = time.monotonic(), 0
        for piece in self._export.text():
            yield piece
            size += len(piece)
            elapsed, share = time.monotonic() - begun, self._export.share
            figures = {
                "findings": self._export.findings,
                "bytes": size,
                "etaSeconds": round(elapsed / share - elapsed, 1) if share else None,
                "rowsPerSecond": round(self._export.findings / elapsed) if elapsed else None,
            }
            self._tracker.update_progress(self._session_id, min(99.0, 100 * share), "Writing the file...", figures)
        count = self._export.findings
        self._tracker.complete_session(
            self._session_id, f"The file is complete: {count:,} findings.", {"recordsCreated": count}
        )

    def close(self) -> None:
        """Say that it was cut short, unless it is complete: the client may have gone, before the first piece even."""
        self._tracker.error_session(self._session_id, _CUT_SHORT)
