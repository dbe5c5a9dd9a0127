"""Progress for clients without a socket."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from hextrackr.auth import actors, guard
from hextrackr.errors import NotFound
from hextrackr.extensions import import_snapshots
from hextrackr.progress import protocol

blueprint = Blueprint("progress", __name__, url_prefix="/api/progress")


@blueprint.get("/<session_id>")
def progress(session_id: str) -> dict[str, Any]:
    """Answer the snapshot of a session, as a socket that joins it receives it."""
    snapshot = import_snapshots.find(protocol.session_id(session_id))
    if snapshot is None:
        raise NotFound("There is no session with this id.", "UNKNOWN_SESSION")
    guard.check_session(actors.current(), snapshot)
    return snapshot
