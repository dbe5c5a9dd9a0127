"""Whether the server is up, whether it can do its work, and how it does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, current_app

from hextrackr import __version__
from hextrackr.auth import actors
from hextrackr.errors import HexTrackrError, NotFound
from hextrackr.extensions import db, import_worker, reader, socketio
from hextrackr.monitoring import readiness

if TYPE_CHECKING:
    from hextrackr.monitoring.metrics import Metrics

blueprint = Blueprint("system", __name__)


@blueprint.get("/health")
def health() -> dict[str, Any]:
    """Alive: answers as long as the event loop turns."""
    return {"status": "ok", "version": __version__}


@blueprint.get("/ready")
def ready() -> tuple[dict[str, Any], int]:
    """Able to work: 503 if not, and what is in the way."""
    found = readiness.answers(
        {
            "database": lambda: readiness.database(db.engine, socketio.sleep, lambda: import_worker.is_at_work),
            "store": current_app.extensions["store_check"],
            "disk": lambda: readiness.disk(Path(current_app.config["INSTANCE_PATH"])),
            "lists": lambda: readiness.lists(reader.status),
            "server": _takes_imports,
        }
    )
    is_ready = set(found.values()) == {readiness.OK}
    told: dict[str, Any] = {"status": "ready" if is_ready else "not ready"}
    if actors.current() is not None:  # a balancer goes by the status; what is in the way is for who is signed in
        told["checks"] = found
    return told, 200 if is_ready else 503


def _takes_imports() -> str:
    try:
        import_worker.refuse_if_stopping()
    except HexTrackrError as refusal:
        return refusal.detail
    return readiness.OK


@blueprint.get("/metrics")
def metrics() -> Response:
    """The metrics of this process, for Prometheus."""
    metrics: Metrics | None = current_app.extensions["metrics"]
    if metrics is None:
        raise NotFound
    return Response(metrics.text(), content_type=metrics.CONTENT_TYPE)
