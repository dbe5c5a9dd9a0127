"""Findings: a page of them, filtered; and their totals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import Blueprint, Response, current_app, request
from sqlalchemy import func, select

from hextrackr.db import deadlines
from hextrackr.domain.models import WORST_FIRST, Asset, Import, ImportState, Lifecycle, StateTotal
from hextrackr.errors import NotFound
from hextrackr.extensions import db, import_queue, socketio

from . import exports, filters, findings, grouping, history, listing, ordering, paging, serializers, trends
from .export_progress import ExportProgress

blueprint = Blueprint("vulnerabilities", __name__, url_prefix="/api/vulnerabilities")


@blueprint.get("")
def vulnerabilities() -> dict[str, Any]:
    """A page of findings."""
    page = paging.requested(default_limit=50)
    limited, order = filters.requested(request.args), ordering.requested(request.args)
    found = listing.page(db.session, limited, order, page, _pause)
    reachable = found.total if found.exact else listing.SHOWN
    return {
        "data": findings.of_ids(db.session, found.ids),
        "pagination": {**page.pagination(reachable), "total": found.total, "totalExact": found.exact},
    }


@blueprint.get("/groups")
def groups() -> dict[str, Any]:
    """Findings grouped by host, definition or CVE."""
    page = paging.requested(default_limit=50)
    by, sort = grouping.subject(request.args), grouping.sort(request.args)
    found = grouping.page(db.session, filters.requested(request.args), by, sort, page, _pause)
    return {"data": found.groups, "pagination": page.pagination(found.total)}


@blueprint.get("/export.csv", defaults={"kind": "csv"})
@blueprint.get("/export.json", defaults={"kind": "json"})
def exported(kind: str) -> Response:
    """What is filtered, as a file, however many there are."""
    name = f"vulnerabilities.{kind}"
    limited, evidence = filters.requested(request.args), request.args.get("evidence") == "true"
    engine = db.engine.execution_options(**{deadlines.BOUNDED: True})
    export = exports.Export(
        engine, limited, kind, evidence=evidence, folder=Path(current_app.config["INSTANCE_PATH"]),
        start_task=socketio.start_background_task, sleep=socketio.sleep,
    )  # fmt: skip
    session_id = request.args.get("sessionId", "") if request.method == "GET" else ""
    tracker = current_app.extensions["progress_tracker"]
    watched = ExportProgress(export, tracker, session_id, name) if session_id else None
    response = Response(
        (watched or export).text(),
        mimetype="text/csv" if kind == "csv" else "application/json",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )
    if watched is not None:
        response.call_on_close(watched.close)
    return response


@blueprint.get("/<int:finding_id>")
def one_vulnerability(finding_id: int) -> dict[str, Any]:
    """One finding with its history."""
    found = history.of_finding(db.session, finding_id)
    if found is None:
        raise NotFound("There is no finding with this number.", "UNKNOWN_FINDING")
    return found


@blueprint.get("/stats")
def stats() -> dict[str, Any]:
    """Totals over all sources."""
    rows = db.session.scalars(select(StateTotal)).all()
    is_open = [row for row in rows if row.lifecycle != Lifecycle.RESOLVED]
    newest = (
        select(Import)
        .where(Import.state == ImportState.COMPLETED, Import.undone_at.is_(None))
        .order_by(Import.id.desc())
        .limit(1)
    )
    last = db.session.scalars(newest).first()
    return {
        "total": sum(row.findings for row in rows),
        "open": sum(row.findings for row in is_open),
        "bySeverity": {
            severity.name.lower(): sum(row.findings for row in is_open if row.severity == severity)
            for severity in WORST_FIRST
        },
        "byState": {state.value: sum(row.findings for row in rows if row.lifecycle == state) for state in Lifecycle},
        "vprSum": round(sum(row.vpr_sum for row in is_open), 1),
        "hosts": db.session.scalar(select(func.count()).select_from(Asset)) or 0,
        "lastScans": trends.last_scans(db.session),
        "lastImport": serializers.of_import(last, import_queue.undoable()) if last else None,
    }


def _pause() -> None:
    """Let others have their turn; no transaction is held across it."""
    db.session.rollback()
    socketio.sleep(0)
