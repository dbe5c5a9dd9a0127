"""Backups: create, download, upload, delete and restore them; clear the record."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from flask import Blueprint, Response, request

from hextrackr.errors import MissingFile, RequestError
from hextrackr.extensions import backup_service, socketio
from hextrackr.jobs.backups.service import Backup
from hextrackr.progress import protocol

from . import payloads
from .uploads import UPLOADS, ImportRequest

blueprint = Blueprint("backups", __name__, url_prefix="/api")

#: The value of ``confirm`` that an operation requires.
WORDS = {"restore": "RESTORE", "clear": "DELETE"}
#: The number of past operations to show.
OPERATIONS = 10
_CHUNK = 256 * 1024


@blueprint.get("/backups")
def backups() -> dict[str, Any]:
    """Answer the backups, newest first, and the results of the latest operations."""
    operations = [entry.as_json() for entry in backup_service.operations()[:OPERATIONS]]
    return {"data": [_answer(backup) for backup in backup_service.backups()], "operations": operations}


@blueprint.post("/backups")
def back_up() -> tuple[dict[str, Any], int]:
    """Start a backup."""
    return _begin("backup")


@blueprint.post("/backups/upload")
def upload() -> tuple[dict[str, Any], int]:
    """Upload a backup."""
    with UPLOADS.slot(request.remote_addr or ""):
        stored = cast("ImportRequest", request).accept_upload("backupFile")
    if stored is None:
        raise MissingFile("The form field backupFile has no file.")
    stored.keep()
    try:
        return _answer(backup_service.take_in(stored.path)), 201
    finally:
        stored.drop()


@blueprint.get("/backups/<name>")
def fetch(name: str) -> Response:
    """Download a backup."""
    path = backup_service.path(name)
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Content-Length": str(path.stat().st_size),
        "Cache-Control": "no-store",
    }
    return Response(_chunks(path), mimetype="application/vnd.sqlite3", headers=headers)


@blueprint.delete("/backups/<name>")
def remove(name: str) -> dict[str, Any]:
    """Delete a backup."""
    backup_service.path(name).unlink(missing_ok=True)
    return {"success": True}


@blueprint.post("/backups/<name>/restore")
def restore(name: str) -> tuple[dict[str, Any], int]:
    """Start to restore a backup, which replaces the record."""
    source = backup_service.path(name)
    _require_confirmation("restore")
    return _begin("restore", source)


@blueprint.post("/clear")
def clear() -> tuple[dict[str, Any], int]:
    """Start to clear the record."""
    _require_confirmation("clear")
    return _begin("clear")


def _begin(kind: str, source: Path | None = None) -> tuple[dict[str, Any], int]:
    value = str(payloads.optional().get("sessionId", "")).strip()
    session_id = protocol.session_id(value) if value else str(uuid.uuid4())
    return {"success": True, "sessionId": session_id, "name": backup_service.begin(kind, session_id, source)}, 202


def _require_confirmation(kind: str) -> None:
    if payloads.optional().get("confirm") != WORDS[kind]:
        raise RequestError(f'This replaces the whole record. To confirm, send "confirm": "{WORDS[kind]}".')


def _answer(backup: Backup) -> dict[str, Any]:
    return {"name": backup.name, "size": backup.size, "createdAt": backup.created_at}


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            yield chunk
            socketio.sleep(0)
