"""Imports: upload a file, watch what became of it, cancel and confirm; and what their list can be limited to."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from flask import Blueprint, Response, request
from sqlalchemy import ColumnElement, Engine, and_, func, or_, select, true, tuple_

from hextrackr.auth import actors, audit
from hextrackr.db import engines
from hextrackr.domain.models import FINISHED, Import, ImportState, Reject
from hextrackr.errors import FileRefused, MissingFile, NotFound, RequestError, TooMany
from hextrackr.extensions import (
    db,
    import_queue,
    import_service,
    import_snapshots,
    import_worker,
    maintenance_lock,
    offload,
    socketio,
)
from hextrackr.ingest import dialect, recognition, saved_mappings
from hextrackr.progress import protocol
from hextrackr.queries import parameters

from . import answers, payloads, uploads
from .uploads import UPLOADS, ImportRequest

blueprint = Blueprint("imports", __name__, url_prefix="/api")

Answer = tuple[dict[str, Any], int]

#: The maximum number of queued imports; each has its upload on the disk.
QUEUE = 200
#: Rejected rows that are read at a time.
REJECTS = 1_000
#: Seconds between two checks of an import that a client waits for.
INTERVAL = 0.05
#: Error code of an import -> the HTTP status for a client that waits for it; 500 for others.
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
    """Store the upload, queue its import and respond immediately."""
    return _accepted(_receive()), 202


@blueprint.post("/vulnerabilities/import")
def import_and_wait() -> Answer:
    """Store the upload and respond when its import is done."""
    import_id = _receive().id
    while _is_under_way(record := import_queue.existing(import_id)):
        socketio.sleep(INTERVAL)
    answer = {**_answer(record), "success": record.state == ImportState.COMPLETED}
    if record.state == ImportState.AWAITING_CONFIRMATION:
        return answer, 202
    return answer, 200 if answer["error"] is None else _REFUSED.get(answer["error"]["code"], 500)


def _is_under_way(record: Import) -> bool:
    """Whether an import is not over yet: a complete one is over when the lists are up to date."""
    if record.state == ImportState.COMPLETED:
        snapshot = import_snapshots.find(record.session_id)
        return snapshot is not None and not protocol.has_ended(snapshot)
    return record.state not in (*FINISHED, ImportState.AWAITING_CONFIRMATION)


@blueprint.post("/imports/recognise")
def recognise() -> dict[str, Any]:
    """Answer what an import would recognise in a file, from its first part; nothing is imported or stored."""
    incoming = cast(ImportRequest, request)
    with UPLOADS.slot(request.remote_addr or ""):
        part = incoming.accept_upload(limit=dialect.SAMPLE_BYTES)
    if part is None:
        raise MissingFile
    filename, label, size = uploads.first_part(incoming.form, part.size)
    part.seek(0)
    try:
        read = offload(recognition.read_first_part, part.read(), size, saved_mappings.formats(db.engine), filename)
    except FileRefused as refusal:
        return {"filename": filename, "recognised": False, "error": refusal.record()}
    return {
        "filename": filename,
        "recognised": True,
        **recognition.recognise(db.engine, read, label),
        "error": None,
    }


@blueprint.get("/imports")
def imports() -> dict[str, Any]:
    """Answer a page of the imports that match the query, newest first."""
    page = answers.requested(default_limit=20)
    condition = of(request.args)
    newest = select(Import).where(condition).order_by(Import.id.desc())
    rows = db.session.scalars(newest.limit(page.limit).offset(page.offset))
    total = db.session.scalar(select(func.count()).select_from(Import).where(condition)) or 0
    undoable, mapped = import_queue.undoable(), saved_mappings.scanners(db.session)
    data = [answers.of_import(record, undoable, mapped) for record in rows]
    return {"data": data, "pagination": page.pagination(total)}


@blueprint.get("/imports/<int:import_id>")
def one_import(import_id: int) -> dict[str, Any]:
    """Answer one import with its figures."""
    return _answer(import_queue.existing(import_id))


@blueprint.delete("/imports/<int:import_id>")
def delete(import_id: int) -> tuple[str, int]:
    """Delete an import that failed or was cancelled, with its file and its rejected rows."""
    removed = import_service.delete(import_id)
    audit.about(f"import {import_id}", before={"filename": removed.filename, "state": removed.state})
    return "", 204


@blueprint.post("/imports/<int:import_id>/cancel")
def cancel(import_id: int) -> dict[str, Any]:
    """Cancel an import that is not committed yet."""
    return _answer(import_service.cancel(import_id))


@blueprint.post("/vulnerabilities/import-cancel")
def cancel_session() -> dict[str, Any]:
    """Cancel the import of a session, for clients that chose the session id and do not know the import's id."""
    session_id = protocol.session_id(payloads.optional().get("sessionId"))
    record = import_queue.of_session(session_id)
    if record is None:
        raise NotFound("There is no import with this session id.", "UNKNOWN_SESSION")
    return _answer(import_service.cancel(record.id))


@blueprint.post("/imports/<int:import_id>/confirm")
def confirm(import_id: int) -> dict[str, Any]:
    """Answer the question of an import: confirm, leave the others open, or import into another source."""
    return _answer(import_service.confirm(import_id, uploads.answer(request.get_data(), request.get_json(silent=True))))


@blueprint.post("/imports/<int:import_id>/undo")
def undo(import_id: int) -> dict[str, Any]:
    """Undo the latest import of its source; with ``sessionId``, report the progress in that session."""
    session_id = payloads.optional().get("sessionId")
    return _answer(import_service.undo(import_id, str(session_id) if session_id else None))


@blueprint.post("/imports/<int:import_id>/retry")
def retry(import_id: int) -> Answer:
    """Import the stored file of a failed import again, as a new import."""
    session_id = request.form.get("sessionId", "").strip() or str(uuid.uuid4())
    return _submitted(import_service.retry(import_id, session_id, actors.name())), 202


@blueprint.get("/imports/<int:import_id>/rejects.csv")
def rejects(import_id: int) -> Response:
    """Answer the rejected rows as CSV."""
    import_queue.existing(import_id)
    return Response(
        answers.csv_lines(("line", "column", "value", "reason"), _rejects(db.engine, import_id)),
        mimetype="text/csv",
        headers={"Content-Disposition": f'attachment; filename="import-{import_id}-rejects.csv"'},
    )


def _rejects(engine: Engine, import_id: int) -> Iterator[tuple[Any, ...]]:
    """Yield the rejected rows of an import in the order of the file; reads them in batches."""
    columns = select(Reject.line, Reject.id, Reject.column, Reject.value, Reject.reason)
    wanted = columns.where(Reject.import_id == import_id).order_by(Reject.line, Reject.id).limit(REJECTS)
    last: tuple[int, int] | None = None
    while True:
        later = true() if last is None else tuple_(Reject.line, Reject.id) > last
        with engine.connect() as connection:
            rows = connection.execute(wanted.where(later)).all()
        for line, number, *cells in rows:
            yield (line, *cells)
            last = line, number
        if len(rows) < REJECTS:
            return
        socketio.sleep(0)


def _receive() -> Import:
    """Store the upload and queue its import; both are durable before the client gets a response."""
    import_worker.refuse_if_stopping()
    if import_queue.queued() >= QUEUE:
        raise TooMany("Too many imports are waiting; please try again later.", "QUEUE_FULL")
    incoming = cast(ImportRequest, request)
    with UPLOADS.slot(request.remote_addr or ""):
        upload = incoming.accept_upload()
    if upload is None:
        raise MissingFile
    values = uploads.parse(incoming.form, incoming.files["csvFile"].filename or "")
    import_worker.refuse_if_stopping()
    with maintenance_lock.writing():  # a restore may have started during the upload
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
    """Submit a queued import to the worker, and return the response; the import cannot be refused any more."""
    if (database := engines.database_file(db.engine.url)) is not None:
        offload(engines.make_commits_durable, database)
    import_service.submit(record)
    return _accepted(record)


def _answer(record: Import) -> dict[str, Any]:
    undoable = import_queue.undoable()
    answer = answers.of_import(record, undoable, saved_mappings.scanners(db.session))
    return {**answer, "undoFirst": _undo_first(record, undoable)}


def _undo_first(record: Import, undoable: set[int]) -> int | None:
    """The import that has to be undone before this one can be; None if this one can be, or had no effect, or is too old."""
    had_effect = record.state == ImportState.COMPLETED and record.undone_at is None and record.place is not None
    if not had_effect or record.id in undoable:
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


_MAX_TEXT = 200

#: Value of ``state`` -> a condition on the imports. Completed imports are divided as on the pages.
STATES: Mapping[str, Callable[[], ColumnElement[bool]]] = {
    "running": lambda: Import.state.not_in((*FINISHED, ImportState.AWAITING_CONFIRMATION)),
    "awaiting-confirmation": lambda: Import.state == ImportState.AWAITING_CONFIRMATION,
    "completed": lambda: and_(Import.state == ImportState.COMPLETED, Import.undone_at.is_(None), Import.rejected == 0),
    "completed-with-rejects": lambda: and_(
        Import.state == ImportState.COMPLETED, Import.undone_at.is_(None), Import.rejected > 0
    ),
    "undone": lambda: Import.undone_at.is_not(None),
    "failed": lambda: Import.state == ImportState.FAILED,
    "cancelled": lambda: Import.state == ImportState.CANCELLED,
}


def of(query: Mapping[str, str]) -> ColumnElement[bool]:
    """Return the condition of a query string: ``unfinished=true``, ``state``, ``source`` (an id) and ``search`` (words in the file name,
    the label of the source, the scanner or the name of who started the import).

    :raises RequestError: a parameter is invalid.
    """
    conditions: list[Any] = []
    if query.get("unfinished") == "true":
        conditions.append(Import.state.not_in(FINISHED))
    if state := query.get("state", ""):
        if state not in STATES:
            raise RequestError(f"state must be one of {', '.join(STATES)}.")
        conditions.append(STATES[state]())
    if source := query.get("source", ""):
        conditions.append(Import.source_id == parameters.number("source", source, 1, parameters.MAX_NUMBER))
    text = query.get("search", "")
    if len(text) > _MAX_TEXT:
        raise RequestError(f"search may have at most {_MAX_TEXT} characters.")
    columns = (Import.filename, Import.source_label, Import.vendor, Import.started_by)
    conditions += [or_(*(column.icontains(word, autoescape=True) for column in columns)) for word in text.split()]
    return and_(True, *conditions)
