"""Saved mappings: what users have said of files that no format knows."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request
from sqlalchemy import select
from sqlalchemy.orm import Session

from hextrackr.db import dialects, transactions
from hextrackr.domain.models import SavedMapping
from hextrackr.errors import Conflict, NotFound, RequestError
from hextrackr.extensions import db, import_queue, socketio
from hextrackr.ingest.formats import custom
from hextrackr.ingest.formats.format import normalised
from hextrackr.jobs.queue import now_ms
from hextrackr.queries import parameters

from . import columns

blueprint = Blueprint("mappings", __name__, url_prefix="/api")

_MAX_NAME = 100


@blueprint.get("/imports/<int:import_id>/columns")
def columns_of_import(import_id: int) -> dict[str, Any]:
    """The columns and first rows of a file that was not recognised."""
    return columns.of_import(import_queue.existing(import_id))


@blueprint.get("/mappings")
def mappings() -> dict[str, Any]:
    """Every saved mapping."""
    return {"data": [_record(saved) for saved in db.session.scalars(select(SavedMapping).order_by(SavedMapping.name))]}


@blueprint.post("/mappings")
def save() -> tuple[dict[str, Any], int]:
    """Save how a file's columns are to be read; files with the same header are recognised from then on."""
    said = request.get_json(silent=True)
    if not isinstance(said, dict):
        raise RequestError("The body must be a JSON object.")
    name = " ".join(str(said.get("name", "")).split())
    if not 0 < len(name) <= _MAX_NAME:
        raise RequestError(f"A mapping needs a name of at most {_MAX_NAME} characters.")
    header = columns.header_of(import_queue.existing(_number(said.get("importId"))))
    saved = SavedMapping(
        name=name,
        header=sorted({normalised(column) for column in header}),
        fields=_fields(said.get("fields")),
        severity_scale=str(said.get("severityScale", "words")),
        day_first=said.get("dayFirst") is True,
        created_at=now_ms(),
    )
    custom.format_of(
        "", name, header, saved.fields, severity_scale=saved.severity_scale, day_first=saved.day_first
    )  # says what is missing

    def insert(session: Session) -> None:
        dialects.write_alone(session, SavedMapping.__tablename__)
        if session.scalar(select(SavedMapping.id).where(SavedMapping.name == name)) is not None:
            raise Conflict("There is a mapping of this name already.", "NAME_IN_USE")
        session.add(saved)

    transactions.write(db.engine, insert, sleep=socketio.sleep)
    return _record(saved), 201


@blueprint.delete("/mappings/<int:mapping_id>")
def delete(mapping_id: int) -> tuple[str, int]:
    """Forget a mapping; what was imported with it stays."""

    def remove(session: Session) -> bool:
        saved = session.get(SavedMapping, mapping_id)
        if saved is not None:
            session.delete(saved)
        return saved is not None

    if not transactions.write(db.engine, remove, sleep=socketio.sleep):
        raise NotFound("There is no mapping with this number.", "UNKNOWN_MAPPING")
    return "", 204


def _fields(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(column, str) for column in value.values()):
        raise RequestError("fields must be an object of field names and columns.")
    return {str(field): column for field, column in value.items() if column}


def _number(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= parameters.MAX_NUMBER:
        raise RequestError("importId must be the number of the import whose file is mapped.")
    return value


def _record(saved: SavedMapping) -> dict[str, Any]:
    return {
        "id": saved.id,
        "name": saved.name,
        "fields": saved.fields,
        "severityScale": saved.severity_scale,
        "dayFirst": saved.day_first,
        "createdAt": saved.created_at,
    }
