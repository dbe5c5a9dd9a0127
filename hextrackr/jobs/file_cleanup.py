"""Removes the files that a process left which has ended: half uploads, uploads that no import needs, spill folders, half backups."""

from __future__ import annotations

import re
import shutil
import time
import uuid
from collections.abc import Iterable
from pathlib import Path

from . import process_id

#: What :func:`upload_name` makes of a file that is kept.
_UPLOAD = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}(?:\.[0-9a-f]{6}-\d+-\d*)?\.csv")
#: Seconds after which nobody works any more on an upload, a backup or a restore that has not ended.
STALE = 24 * 3600


def upload_name(suffix: str) -> str:
    """A name for a file in the upload folder; it tells which process made it."""
    return f"{uuid.uuid4().hex}.{process_id.maker()}.{suffix}"


def upload_path(folder: Path, name: str) -> Path:
    """Where a stored upload is. What is no name of ours, such as a path, leads to a file that is never there."""
    return folder / (name if _UPLOAD.fullmatch(name) else "no-upload.csv")


def workspace_name() -> str:
    """A name for a folder in which a backup or a restore is put together; it tells which process asked for it."""
    return f".work-{process_id.maker()}-{uuid.uuid4().hex[:12]}"


def spill_name(import_id: int, epoch: int) -> str:
    """The name of the spill folder of one attempt at an import."""
    return f"{import_id}-{epoch}"


def tidy(instance: Path, uploads: Iterable[str], attempts: Iterable[tuple[int, int]]) -> None:
    """Remove what nobody needs.

    :param uploads: names of the stored files that imports still need.
    :param attempts: import and epoch of the attempts that are under way.
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
    """Remove what was being put together by a process that is gone."""
    for folder in backups.glob(".work-*"):
        if process_id.maker_is_gone(folder.name.removeprefix(".work-").rpartition("-")[0]) or _is_stale(folder):
            shutil.rmtree(folder, ignore_errors=True)
    # As versions before this one named them.
    for begun in (*backups.glob("*.part*"), *backups.glob(".restore-*")):
        if _is_stale(begun):
            shutil.rmtree(begun, ignore_errors=True) if begun.is_dir() else begun.unlink(missing_ok=True)


def _is_stale(path: Path) -> bool:
    """Whether a file has not been touched for long, or is gone."""
    try:
        return path.stat().st_mtime < time.time() - STALE
    except FileNotFoundError:
        return True
