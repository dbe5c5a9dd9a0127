"""Backups: make one, fetch it, bring one, put one in place of the record; and clear the record."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

from flask import Blueprint, Response, request

from hextrackr.errors import MissingFile, RequestError
from hextrackr.extensions import backup_service, socketio
from hextrackr.jobs.backups.service import Backup
from hextrackr.progress import protocol

from .upload_concurrency import UPLOADS
from .upload_request import ImportRequest

blueprint = Blueprint("backups", __name__, url_prefix="/api")

#: What must be said before the record is replaced.
WORDS = {"restore": "RESTORE", "clear": "DELETE"}
#: Operations that are told.
OPERATIONS = 10
_CHUNK = 256 * 1024


@blueprint.get("/backups")
def backups() -> dict[str, Any]:
    """The backups, the newest first, and what became of the latest backups, restores and clears."""
    told = [entry.as_json() for entry in backup_service.operations()[:OPERATIONS]]
    return {"data": [_answer(backup) for backup in backup_service.backups()], "operations": told}


@blueprint.post("/backups")
def back_up() -> tuple[dict[str, Any], int]:
    """Begin to copy the record."""
    return _begin("backup")


@blueprint.post("/backups/upload")
def upload() -> tuple[dict[str, Any], int]:
    """Bring a backup."""
    with UPLOADS.slot(request.remote_addr or ""):
        stored = cast("ImportRequest", request).accept_upload("backupFile")
    if stored is None:
        raise MissingFile("The form has no file in its field backupFile.")
    stored.keep()
    try:
        return _answer(backup_service.take_in(stored.path)), 201
    finally:
        stored.drop()


@blueprint.get("/backups/<name>")
def fetch(name: str) -> Response:
    """The file."""
    path = backup_service.path(name)
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Content-Length": str(path.stat().st_size),
        "Cache-Control": "no-store",
    }
    return Response(_pieces(path), mimetype="application/vnd.sqlite3", headers=headers)


@blueprint.delete("/backups/<name>")
def remove(name: str) -> dict[str, Any]:
    """Delete it."""
    backup_service.path(name).unlink(missing_ok=True)
    return {"success": True}


@blueprint.post("/backups/<name>/restore")
def restore(name: str) -> tuple[dict[str, Any], int]:
    """Begin to put a backup in place of the record."""
    source = backup_service.path(name)
    _insist("restore")
    return _begin("restore", source)


@blueprint.post("/clear")
def clear() -> tuple[dict[str, Any], int]:
    """Begin to empty the record."""
    _insist("clear")
    return _begin("clear")


def _begin(kind: str, source: Path | None = None) -> tuple[dict[str, Any], int]:
    said = str(_body().get("sessionId", "")).strip()
    session_id = protocol.session_id(said) if said else str(uuid.uuid4())
    return {"success": True, "sessionId": session_id, "name": backup_service.begin(kind, session_id, source)}, 202


def _insist(kind: str) -> None:
    if _body().get("confirm") != WORDS[kind]:
        raise RequestError(f'This replaces the whole record: say "confirm": "{WORDS[kind]}".')


def _body() -> dict[str, Any]:
    body = request.get_json(silent=True)
    return body if isinstance(body, dict) else {}


def _answer(backup: Backup) -> dict[str, Any]:
    told = asdict(backup)
    return {"name": told["name"], "size": told["size"], "createdAt": told["created_at"]}


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while piece := stream.read(_CHUNK):
            yield piece
            socketio.sleep(0)
