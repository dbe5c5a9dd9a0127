"""The files of jobs in the data folder: their names, and the removal of those that nobody needs any more.

The names of uploads and of the workspaces of backups contain the process that made them, so that the files of a process that has ended can
be recognised. A request to cancel an import is a file as well, because the database is locked while an import is promoted.
"""

from __future__ import annotations

import shutil
import time
import uuid
from collections.abc import Iterable
from pathlib import Path

from hextrackr.domain.models import Import
from hextrackr.ingest.attempt import spill_name

from . import process_id

#: Seconds after which an unfinished upload, backup or restore counts as abandoned.
STALE = 24 * 3600


def upload_name(suffix: str) -> str:
    """Make a name for a file in the upload folder."""
    return f"{uuid.uuid4().hex}.{process_id.maker()}.{suffix}"


def workspace_name() -> str:
    """Make a name for a folder in which a backup or a restore is put together."""
    return f".work-{process_id.maker()}-{uuid.uuid4().hex[:12]}"


def request_cancel(instance: Path, row: Import) -> None:
    """Request the process that works on an import to cancel it."""
    path = _cancel_path(instance, row)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.touch(mode=0o600)


def is_cancel_requested(instance: Path, row: Import) -> bool:
    """Whether somebody has requested to cancel an import."""
    return _cancel_path(instance, row).exists()


def withdraw_cancel(instance: Path, row: Import) -> None:
    """Remove a request to cancel, once it was followed or came too late."""
    _cancel_path(instance, row).unlink(missing_ok=True)


def _cancel_path(instance: Path, row: Import) -> Path:
    """The file of a request; its name has the creation time too, as ids are used again once the record was cleared."""
    return instance / "cancel" / f"{row.id}-{row.created_at}"


def tidy(instance: Path, uploads: Iterable[str], attempts: Iterable[tuple[int, int]]) -> None:
    """Remove the files that nobody needs.

    :param uploads: names of the stored files that imports still need.
    :param attempts: import and epoch of the running attempts.
    """
    needed = set(uploads)
    for stored in (instance / "uploads").glob("*"):
        maker = stored.name.split(".")[1] if stored.name.count(".") > 1 else ""
        if stored.name not in needed and (not maker or process_id.maker_is_gone(maker) or _is_stale(stored)):
            stored.unlink(missing_ok=True)
    _tidy_backups(instance / "backups")
    for request in (instance / "cancel").glob("*"):
        if _is_stale(request):
            request.unlink(missing_ok=True)
    spilling = {spill_name(*attempt) for attempt in attempts}
    for folder in (instance / "spill").glob("*"):
        if folder.name not in spilling:
            shutil.rmtree(folder, ignore_errors=True)


def _tidy_backups(backups: Path) -> None:
    """Remove the workspaces of backups and restores whose process has ended."""
    for folder in backups.glob(".work-*"):
        if process_id.maker_is_gone(folder.name.removeprefix(".work-").rpartition("-")[0]) or _is_stale(folder):
            shutil.rmtree(folder, ignore_errors=True)
    # The names of earlier versions.
    for begun in (*backups.glob("*.part*"), *backups.glob(".restore-*")):
        if _is_stale(begun):
            shutil.rmtree(begun, ignore_errors=True) if begun.is_dir() else begun.unlink(missing_ok=True)


def _is_stale(path: Path) -> bool:
    """Whether a file was not modified for :data:`STALE` seconds, or no longer exists."""
    try:
        return path.stat().st_mtime < time.time() - STALE
    except FileNotFoundError:
        return True
