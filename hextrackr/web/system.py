"""Health check, readiness check and metrics."""

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
    """Answer that the server is alive, which it is as long as the event loop runs."""
    return {"status": "ok", "version": __version__}


@blueprint.get("/ready")
def ready() -> tuple[dict[str, Any], int]:
    """Answer whether the server can work; 503 and the failed checks if not."""
    checks = readiness.run(
        {
            "database": lambda: readiness.database(db.engine, socketio.sleep, lambda: import_worker.is_at_work),
            "store": current_app.extensions["store_check"],
            "disk": lambda: readiness.disk(Path(current_app.config["INSTANCE_PATH"])),
            "lists": lambda: readiness.lists(reader.status),
            "server": _accepts_imports,
        }
    )
    is_ready = set(checks.values()) == {readiness.OK}
    body: dict[str, Any] = {"status": "ready" if is_ready else "not ready"}
    if actors.current() is not None:  # a load balancer uses the status; only users see the checks
        body["checks"] = checks
    return body, 200 if is_ready else 503


def _accepts_imports() -> str:
    try:
        import_worker.refuse_if_stopping()
    except HexTrackrError as refusal:
        return refusal.detail
    return readiness.OK


@blueprint.get("/metrics")
def metrics() -> Response:
    """Answer the metrics of this process in the format of Prometheus."""
    metrics: Metrics | None = current_app.extensions["metrics"]
    if metrics is None:
        raise NotFound
    return Response(metrics.text(), content_type=metrics.CONTENT_TYPE)
