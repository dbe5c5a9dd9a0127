"""Saved mappings: what users have said of files that no format knows.

The file whose columns are mapped is the one that an import has stored, or the sample that a mapping has stored of one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import orjson
from flask import Blueprint, Response, current_app
from sqlalchemy import Select, func, select, update
from sqlalchemy.orm import Session

from hextrackr.db import dialects, transactions
from hextrackr.domain import record_version
from hextrackr.domain.models import Import, ImportState, Reject, SavedMapping
from hextrackr.errors import Conflict, MappingRefused, NotFound, RequestError
from hextrackr.escaping import remove_invisible
from hextrackr.extensions import db, import_queue, offload, reader, socketio
from hextrackr.ingest import dialect, formats, saved_mappings
from hextrackr.ingest.attempt import upload_path
from hextrackr.ingest.formats import custom
from hextrackr.ingest.formats.format import FIELD_NAMES, normalised
from hextrackr.jobs.queue import now_ms
from hextrackr.queries import parameters

from . import payloads

blueprint = Blueprint("mappings", __name__, url_prefix="/api")

T = TypeVar("T")

_MAX_NAME = 100
#: The time limit of a trial, in seconds: it counts the values of a file that may be large.
_TRIAL_SECONDS = 30.0


@blueprint.get("/imports/<int:import_id>/columns")
def columns_of_import(import_id: int) -> dict[str, Any]:
    """Answer the columns and first rows of an import's file, and the mapping that read it."""
    import_ = import_queue.existing(import_id)
    mapping = of_scanner(import_.scanner)
    return {**as_json(of_import(import_, mapping)), "mapping": mapping and _as_json(mapping)}


@blueprint.get("/mappings/<int:mapping_id>/columns")
def columns_of_mapping(mapping_id: int) -> dict[str, Any]:
    """Answer the columns of the files that a mapping reads, and the rows of its sample."""
    mapping = existing(mapping_id)
    return {**as_json(from_mapping(mapping)), "mapping": _as_json(mapping)}


@blueprint.get("/mappings")
def mappings() -> dict[str, Any]:
    """Answer all mappings, with the number of their imports."""
    saved = list(db.session.scalars(_not_deleted().order_by(SavedMapping.name)))
    keys = [saved_mappings.key_of(mapping) for mapping in saved]
    done = (Import.scanner.in_(keys), Import.state == ImportState.COMPLETED, Import.undone_at.is_(None))
    counted = select(Import.scanner, func.count(), func.max(Import.id)).where(*done).group_by(Import.scanner)
    imports = {scanner: (count, latest) for scanner, count, latest in db.session.execute(counted)}
    return {"data": [_listed(mapping, *imports.get(key, (0, None))) for mapping, key in zip(saved, keys, strict=True)]}


@blueprint.post("/mappings/try")
def try_mapping() -> Response:
    """Try a mapping on a file without saving it, and answer the resulting findings."""
    payload = payloads.required()
    file, rejected = _file_of(payload)
    return Response(_try(_description(payload), file, rejected), mimetype="application/json")


@blueprint.post("/mappings")
def save() -> tuple[dict[str, Any], int]:
    """Save a mapping; files with the same header are recognised from then on."""
    payload = payloads.required()
    name, file = _name(payload), _file_of(payload)[0]
    description = _checked(payload, file)

    def insert(session: Session) -> SavedMapping:
        dialects.write_alone(session, SavedMapping.__tablename__)
        saved = session.scalar(select(SavedMapping).where(SavedMapping.name == name))
        if saved is not None and saved.deleted_at is None:
            raise Conflict("There is already a mapping with this name.", "NAME_IN_USE")
        if saved is None:
            saved = SavedMapping(name=name, created_at=now_ms())
            session.add(saved)
        saved.deleted_at = None
        return _describe(session, saved, file, description)

    return _as_json(_write(insert)), 201


@blueprint.put("/mappings/<int:mapping_id>")
def change(mapping_id: int) -> dict[str, Any]:
    """Change a mapping; with ``importId`` it reads files with the columns of that import's file from then on."""
    payload = payloads.required()
    name, mapping = _name(payload), existing(mapping_id)
    file = _file_of({**payload, "mappingId": mapping_id})[0]
    description = _checked(payload, file)

    def replace(session: Session) -> SavedMapping:
        dialects.write_alone(session, SavedMapping.__tablename__)
        saved = session.get_one(SavedMapping, mapping.id)
        taken = select(SavedMapping.id).where(SavedMapping.name == name, SavedMapping.id != mapping_id)
        if session.scalar(taken) is not None:
            raise Conflict("Another mapping has, or had, this name.", "NAME_IN_USE")
        renamed = Import.scanner == saved_mappings.key_of(saved), Import.vendor == saved.name
        session.execute(update(Import).where(*renamed).values(vendor=name))
        saved.name = name
        return _describe(session, saved, file, description)

    return _as_json(_write(replace))


@blueprint.delete("/mappings/<int:mapping_id>")
def delete(mapping_id: int) -> tuple[str, int]:
    """Delete a mapping: no more files are recognised by it. Its imports and findings stay, under its name."""

    def remove(session: Session) -> bool:
        saved = session.get(SavedMapping, mapping_id)
        if saved is None or saved.deleted_at is not None:
            return False
        saved.deleted_at = now_ms()
        return True

    if not _write(remove):
        raise _unknown(mapping_id)
    return "", 204


def existing(mapping_id: int) -> SavedMapping:
    """Return the mapping with this id.

    :raises NotFound: ``UNKNOWN_MAPPING``.
    """
    saved = db.session.scalar(_not_deleted().where(SavedMapping.id == mapping_id))
    if saved is None:
        raise _unknown(mapping_id)
    return saved


def of_scanner(scanner: str) -> SavedMapping | None:
    """Return the mapping that reads the files of a scanner, unless it is deleted; None if the scanner has a built-in format."""
    number = scanner.removeprefix(saved_mappings.PREFIX)
    if number == scanner or not number.isdecimal():
        return None
    return db.session.scalar(_not_deleted().where(SavedMapping.id == int(number)))


def _not_deleted() -> Select[SavedMapping]:
    return select(SavedMapping).where(SavedMapping.deleted_at.is_(None))


def _unknown(mapping_id: int) -> NotFound:
    return NotFound(f"There is no mapping {mapping_id}.", "UNKNOWN_MAPPING")


def _write(change: Callable[[Session], T]) -> T:
    """Change a mapping in a transaction that increments the record version, as lists show the names of mappings as scanners."""

    def change_and_increment(session: Session) -> T:
        result = change(session)
        session.flush()
        record_version.increment(session.connection())
        return result

    return transactions.write(db.engine, change_and_increment, sleep=socketio.sleep)


def _describe(session: Session, saved: SavedMapping, file: MappedFile, description: dict[str, Any]) -> SavedMapping:
    """Store the description of a file in a mapping.

    :raises Conflict: ``COLUMNS_IN_USE``: another mapping reads files with these columns.
    """
    saved.header, saved.sample = file.names(), file.sample()
    saved.fields, saved.meanings = description["fields"], description["meanings"]
    saved.severity_scale, saved.day_first = description["severityScale"], description["dayFirst"]
    session.flush()
    for other in session.scalars(_not_deleted().where(SavedMapping.id != saved.id)):
        if other.header == saved.header:
            raise Conflict(f"The mapping {other.name} already reads files with these columns.", "COLUMNS_IN_USE")
    return saved


def _checked(payload: dict[str, Any], file: MappedFile) -> dict[str, Any]:
    """Return the description of a file in a request, if the mapping works.

    :raises RequestError: the description is invalid or incomplete.
    :raises MappingRefused: no row of the file can be imported.
    """
    description = _description(payload)
    custom.format_of(
        "", "", file.header, description["fields"],
        severity_scale=description["severityScale"], day_first=description["dayFirst"], meanings=description["meanings"],
    )  # fmt: skip
    if file.upload is None and not file.rows:
        return description  # there are no rows left to try it on
    trial = orjson.loads(_try(description, file))
    if trial["trouble"]:
        raise MappingRefused(trial["trouble"])
    if not trial["works"] and not trial["errors"]:
        raise MappingRefused("The file has no row to try the mapping on, so it was not saved.")
    if not trial["works"]:
        first = trial["errors"][0]
        raise MappingRefused(
            f"No row can be imported with this mapping, so it was not saved. The first error is on line {first['line']}: {first['reason']}"
        )
    return description


def _try(description: dict[str, Any], file: MappedFile, rejected: dict[str, Any] | None = None) -> bytes:
    rows = {"upload": str(file.upload)} if file.upload else {"sample": file.sample()}
    return reader.ask("try_mapping", {**description, **rows, "rejected": rejected or {}}, deadline=_TRIAL_SECONDS)


def _file_of(payload: dict[str, Any]) -> tuple[MappedFile, dict[str, Any]]:
    """Return the file of a request, and the values that its import rejected: column -> pairs of value and count."""
    if payload.get("importId") is None and payload.get("mappingId") is not None:
        return from_mapping(existing(_number(payload, "mappingId"))), {}
    import_ = import_queue.existing(_number(payload, "importId"))
    return of_import(import_, of_scanner(import_.scanner)), _rejected_values(import_.id)


def _rejected_values(import_id: int) -> dict[str, list[tuple[str, int]]]:
    counted = select(Reject.column, Reject.value, func.count()).where(Reject.import_id == import_id)
    found: dict[str, list[tuple[str, int]]] = {}
    for column, value, rows in db.session.execute(counted.group_by(Reject.column, Reject.value)):
        found.setdefault(column, []).append((value, rows))
    return found


def _name(payload: dict[str, Any]) -> str:
    name = " ".join(str(payload.get("name", "")).split())
    if not 0 < len(name) <= _MAX_NAME:
        raise RequestError(f"A mapping must have a name of at most {_MAX_NAME} characters.")
    if name != remove_invisible(name):
        raise RequestError("The name must not contain control characters or characters that change the text direction.")
    return name


def _description(payload: dict[str, Any]) -> dict[str, Any]:
    """Return the description of a file's columns and values in a request."""
    fields, meanings = payload.get("fields"), payload.get("meanings", {})
    if not isinstance(fields, dict):
        raise RequestError(
            "fields must be an object with field names as keys, and a column or a list of columns as values."
        )
    if not isinstance(meanings, dict):
        raise RequestError("meanings must be an object with severity and state.")
    chosen = custom.columns_by_field(fields)
    custom.stored_meanings(meanings)
    return {
        "fields": {field: named[0] if len(named) == 1 else list(named) for field, named in chosen.items()},
        "meanings": meanings,
        "severityScale": str(payload.get("severityScale", "words")),
        "dayFirst": payload.get("dayFirst") is True,
    }


def _number(payload: dict[str, Any], name: str) -> int:
    value = payload.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= parameters.MAX_NUMBER:
        raise RequestError(f"{name} must be the id of an import or a mapping.")
    return value


def _as_json(saved: SavedMapping) -> dict[str, Any]:
    return {
        "id": saved.id,
        "name": saved.name,
        "fields": saved.fields,
        "meanings": saved.meanings or {},
        "severityScale": saved.severity_scale,
        "dayFirst": saved.day_first,
        "createdAt": saved.created_at,
    }


def _listed(saved: SavedMapping, imports: int, latest: int | None) -> dict[str, Any]:
    return {**_as_json(saved), "columns": len(saved.header), "imports": imports, "lastImportId": latest}


_MAX_ROWS = 8
_MAX_CELL = 200


@dataclass(frozen=True)
class MappedFile:
    """A file whose columns are mapped.

    :ivar header: its column names.
    :ivar rows: its first rows, with long cells cut.
    :ivar upload: its path; None if only the sample of a mapping is left.
    """

    header: tuple[str, ...]
    rows: list[list[str]]
    upload: Path | None = None

    def sample(self) -> dict[str, Any]:
        """Return the sample that is stored with a mapping."""
        return {"header": list(self.header), "rows": self.rows}

    def names(self) -> list[str]:
        """Return its column names as they are compared."""
        return sorted(set(map(normalised, self.header)))


def stored(record: Import) -> MappedFile | None:
    """Return the file of an import, if it is still on the server.

    :raises FileRefused: it is not a table.
    """
    path = upload_path(Path(current_app.config["INSTANCE_PATH"], "uploads"), record.upload)
    if not record.upload or not path.is_file():
        return None
    return offload(_read, path)


def _read(path: Path) -> MappedFile:
    with path.open("rb") as stream:
        sample = stream.read(dialect.SAMPLE_BYTES)
    complete = path.stat().st_size == len(sample)
    found = dialect.detect(sample, complete=complete, is_header=formats.is_header)
    rows = [row[: len(found.header)] for row in dialect.rows(sample, found, limit=_MAX_ROWS) if row]
    return MappedFile(found.header, [[cell[:_MAX_CELL] for cell in row] for row in rows], path)


def from_mapping(mapping: SavedMapping) -> MappedFile:
    """Return the sample that is stored with a mapping.

    Mappings from older versions have none: then there are only the column names, in lower case unless the mapping uses them.
    """
    if mapping.sample:
        return MappedFile(tuple(mapping.sample["header"]), mapping.sample["rows"])
    used = [column for columns in custom.columns_by_field(mapping.fields).values() for column in columns]
    spelled = {normalised(column): column for column in used}
    return MappedFile(tuple(spelled.get(name, name) for name in mapping.header), [])


def of_import(record: Import, mapping: SavedMapping | None) -> MappedFile:
    """Return the file of an import, or the sample of the mapping that read it.

    :raises Conflict: ``NOT_RETRYABLE``: there is neither.
    :raises FileRefused: the file is not a table.
    """
    file = stored(record) or (from_mapping(mapping) if mapping is not None else None)
    if file is None:
        raise Conflict("The file of this import is no longer on the server; please upload it again.", "NOT_RETRYABLE")
    return file


def as_json(file: MappedFile) -> dict[str, Any]:
    """Return the columns of a file, and the choices for each, as the API sends them."""
    return {
        "header": list(file.header),
        "rows": file.rows,
        "guess": custom.guess(file.header, formats.known()),
        "severityScales": list(custom.SCALES),
        "fields": [*FIELD_NAMES, *custom.DETAILS],
        "several": list(custom.SEVERAL),
        "essential": {meaning: list(fields) for meaning, fields in custom.ESSENTIAL.items()},
        "meanings": {field: list(words) for field, words in custom.MEANINGS.items()},
    }
