"""Imports: upload a file, watch what became of it, cancel and confirm."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any, cast

from flask import Blueprint, Response, request
from sqlalchemy import Engine, func, select, true, tuple_

from hextrackr.auth import actors, audit
from hextrackr.db import files
from hextrackr.domain.models import FINISHED, Import, ImportState, Reject
from hextrackr.errors import FileRefused, MissingFile, NotFound, TooMany
from hextrackr.extensions import db, import_queue, import_service, import_worker, maintenance_lock, offload, socketio
from hextrackr.ingest import dialect, first_part, saved_mappings
from hextrackr.progress import protocol

from . import import_filter, paging, serializers, upload_form
from .upload_concurrency import UPLOADS
from .upload_request import ImportRequest

blueprint = Blueprint("imports", __name__, url_prefix="/api")

Answer = tuple[dict[str, Any], int]

#: Imports that may wait for their turn; each holds its upload on the disk.
QUEUE = 200
#: Rejected rows that are read at a time.
REJECTS = 1_000
#: Seconds between two looks at an import that a client waits for.
LOOK = 0.05
#: What an import is answered with that ended with this code; any other is the server's fault.
_REFUSED = {
    "UNREADABLE_CSV": 422,
    "UNKNOWN_FORMAT": 422,
    "MISSING_COLUMNS": 422,
    "CANCELLED": 409,
    "SQLITE_BUSY": 503,
    "DATABASE_UNAVAILABLE": 503,
    "DISK_FULL": 507,
}


@blueprint.post("/vulnerabilities/import-staging")
def import_staging() -> Answer:
    """Store the upload, queue its import and answer at once."""
    return _accepted(_receive()), 202


@blueprint.post("/vulnerabilities/import")
def import_and_wait() -> Answer:
    """Store the upload and answer when its import is done."""
    import_id = _receive().id
    while (record := import_queue.existing(import_id)).state not in (*FINISHED, ImportState.AWAITING_CONFIRMATION):
        socketio.sleep(LOOK)
    answer = {**_answer(record), "success": record.state == ImportState.COMPLETED}
    if record.state == ImportState.AWAITING_CONFIRMATION:
        return answer, 202
    return answer, 200 if answer["error"] is None else _REFUSED.get(answer["error"]["code"], 500)


@blueprint.post("/imports/recognise")
def recognise() -> dict[str, Any]:
    """Tell what an import would recognise of a file, from its first part; nothing is imported or stored."""
    incoming = cast(ImportRequest, request)
    with UPLOADS.slot(request.remote_addr or ""):
        part = incoming.accept_upload(limit=dialect.SAMPLE_BYTES)
    if part is None:
        raise MissingFile
    filename, label, size = upload_form.first_part(incoming.form, part.size)
    part.seek(0)
    try:
        read = offload(first_part.read, part.read(), size, saved_mappings.formats(db.engine), filename)
    except FileRefused as refusal:
        return {"filename": filename, "recognised": False, "error": refusal.record()}
    return {
        "filename": filename,
        "recognised": True,
        **first_part.recognise(db.engine, read, label),
        "error": None,
    }


@blueprint.get("/imports")
def imports() -> dict[str, Any]:
    """A page of the imports, the newest first, as the query chooses them."""
    page = paging.requested(default_limit=20)
    chosen = import_filter.of(request.args)
    newest = select(Import).where(chosen).order_by(Import.id.desc())
    rows = db.session.scalars(newest.limit(page.limit).offset(page.offset))
    total = db.session.scalar(select(func.count()).select_from(Import).where(chosen)) or 0
    undoable, mapped = import_queue.undoable(), saved_mappings.scanners(db.session)
    data = [serializers.of_import(record, undoable, mapped) for record in rows]
    return {"data": data, "pagination": page.pagination(total)}


@blueprint.get("/imports/<int:import_id>")
def one_import(import_id: int) -> dict[str, Any]:
    """One import with its figures."""
    return _answer(import_queue.existing(import_id))


@blueprint.delete("/imports/<int:import_id>")
def delete(import_id: int) -> tuple[str, int]:
    """Delete an import that failed or was cancelled, with all that is stored of it."""
    removed = import_service.delete(import_id)
    audit.about(f"import {import_id}", before={"filename": removed.filename, "state": removed.state})
    return "", 204


@blueprint.post("/imports/<int:import_id>/cancel")
def cancel(import_id: int) -> dict[str, Any]:
    """End an import before its commit."""
    return _answer(import_service.cancel(import_id))


@blueprint.post("/vulnerabilities/import-cancel")
def cancel_session() -> dict[str, Any]:
    """End the import of a session before its commit: what other clients know is the id that they have brought themselves."""
    wanted = request.get_json(silent=True)
    session_id = protocol.session_id(wanted.get("sessionId") if isinstance(wanted, dict) else None)
    record = import_queue.of_session(session_id)
    if record is None:
        raise NotFound("There is no import with this session id.", "UNKNOWN_SESSION")
    return _answer(import_service.cancel(record.id))


@blueprint.post("/imports/<int:import_id>/confirm")
def confirm(import_id: int) -> dict[str, Any]:
    """Answer an import that asks: yes, leave the others open, or these are another source."""
    return _answer(
        import_service.confirm(import_id, upload_form.answer(request.get_data(), request.get_json(silent=True)))
    )


@blueprint.post("/imports/<int:import_id>/undo")
def undo(import_id: int) -> dict[str, Any]:
    """Take back the latest import of its source; with ``sessionId``, told as a progress session meanwhile."""
    asked = request.get_json(silent=True)
    session_id = asked.get("sessionId") if isinstance(asked, dict) else None
    return _answer(import_service.undo(import_id, str(session_id) if session_id else None))


@blueprint.post("/imports/<int:import_id>/retry")
def retry(import_id: int) -> Answer:
    """Import the stored file of a failed import again, as a new import."""
    session_id = request.form.get("sessionId", "").strip() or str(uuid.uuid4())
    return _submitted(import_service.retry(import_id, session_id, actors.name())), 202


@blueprint.get("/imports/<int:import_id>/rejects.csv")
def rejects(import_id: int) -> Response:
    """The rows that were not imported, as CSV."""
    import_queue.existing(import_id)
    return Response(
        serializers.csv_lines(("line", "column", "value", "reason"), _rejects(db.engine, import_id)),
        mimetype="text/csv",
        headers={"Content-Disposition": f'attachment; filename="import-{import_id}-rejects.csv"'},
    )


def _rejects(engine: Engine, import_id: int) -> Iterator[tuple[Any, ...]]:
    """The rows of an import that were not imported, in the order of the file, some at a time."""
    columns = select(Reject.line, Reject.id, Reject.column, Reject.value, Reject.reason)
    wanted = columns.where(Reject.import_id == import_id).order_by(Reject.line, Reject.id).limit(REJECTS)
    last: tuple[int, int] | None = None
    while True:
        later = true() if last is None else tuple_(Reject.line, Reject.id) > last
        with engine.connect() as connection:
            rows = connection.execute(wanted.where(later)).all()
        for line, number, *told in rows:
            yield (line, *told)
            last = line, number
        if len(rows) < REJECTS:
            return
        socketio.sleep(0)


def _receive() -> Import:
    """Store the upload and queue its import: both survive a power cut before anybody is told of them."""
    import_worker.refuse_if_stopping()
    if import_queue.queued() >= QUEUE:
        raise TooMany("Too many imports are waiting; please try again when some of them are done.", "QUEUE_FULL")
    incoming = cast(ImportRequest, request)
    with UPLOADS.slot(request.remote_addr or ""):
        upload = incoming.accept_upload()
    if upload is None:
        raise MissingFile
    values = upload_form.parse(incoming.form, incoming.files["csvFile"].filename or "")
    import_worker.refuse_if_stopping()
    with maintenance_lock.writing():  # a restore may have begun while the file came in
        with import_service.reserved(values["session_id"]):
            name = upload.keep()
            try:
                record = import_queue.enqueue(
                    file_size=upload.size, digest=upload.digest, upload=name, started_by=actors.name(), **values
                )
            except BaseException:
                upload.drop()
                raise
        _submitted(record)
    return record


def _submitted(record: Import) -> dict[str, Any]:
    """Have an import taken that is on record: from here on nothing refuses it."""
    if (database := files.database_file(db.engine.url)) is not None:
        offload(files.make_commits_durable, database)
    import_service.submit(record)
    return _accepted(record)


def _answer(record: Import) -> dict[str, Any]:
    undoable = import_queue.undoable()
    answer = serializers.of_import(record, undoable, saved_mappings.scanners(db.session))
    return {**answer, "undoFirst": _undo_first(record, undoable)}


def _undo_first(record: Import, undoable: set[int]) -> int | None:
    """The import that has to be undone before this one can be; None if this one can be, or had no effect, or is too old."""
    if record.state != ImportState.COMPLETED or record.undone_at is not None or record.id in undoable:
        return None
    return db.session.scalar(select(Import.id).where(Import.id.in_(undoable), Import.source_id == record.source_id))


def _accepted(record: Import) -> dict[str, Any]:
    return {
        "success": True,
        "sessionId": record.session_id,
        "importId": record.id,
        "message": "Upload complete. The import has started.",
        "filename": record.filename,
        "vendor": record.vendor,
        "scanDate": record.scan_date.isoformat() if record.scan_date else None,
    }
