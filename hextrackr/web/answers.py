"""Answers of the API: those of the reader process, as they are; pages of a list; rows as the API has them."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any
from urllib.parse import urlencode

import orjson
from flask import Response, request

from hextrackr import escaping
from hextrackr.domain.models import Import, ImportState
from hextrackr.extensions import reader
from hextrackr.ingest import formats
from hextrackr.ingest.saved_mappings import Scanner
from hextrackr.jobs import snapshots
from hextrackr.queries import parameters
from hextrackr.queries.findings import ENTRIES
from hextrackr.realtime.websockets import has_left


def client_connection() -> Any:
    """Return the socket of the client that sent the request; None if the server does not say."""
    return request.environ.get("gunicorn.socket") or request.environ.get("werkzeug.socket")


def _asked(question: str, parameters: Mapping[str, Any]) -> bytes:
    """Ask a question for as long as the client is there: whoever types a search leaves most of its answers."""
    connection = client_connection()
    return reader.ask(question, parameters, is_wanted=lambda: not has_left(connection))


def answer(question: str, **parameters: Any) -> Response:
    """Return the answer to a question as a response.

    :param question: the name of a function of :mod:`hextrackr.queries`.
    :raises HexTrackrError: a parameter is invalid, or the query takes too long.
    """
    return Response(_asked(question, parameters), mimetype="application/json")


def page_of(question: str) -> Response:
    """Return the page of a list that the query string selects, with a ``Link`` header (RFC 8288) to the next one."""
    body = _asked(question, request.args.to_dict())
    response = Response(body, mimetype="application/json")
    cursor = orjson.loads(body)["pagination"]["next"]
    if cursor is not None:
        arguments = {**request.args.to_dict(), "cursor": cursor}
        arguments.pop("page", None)
        response.headers["Link"] = f'<{request.path}?{urlencode(arguments)}>; rel="next"'
    return response


def ask(question: str, **parameters: Any) -> Any:
    """Return the answer to a question as Python objects, for a template or a view; raises as :func:`answer`."""
    return orjson.loads(reader.ask(question, parameters))


@dataclass(frozen=True)
class Page:
    """One page of at most ``limit`` rows; the first page is 1."""

    number: int
    limit: int

    @property
    def offset(self) -> int:
        """The number of rows before the page."""
        return (self.number - 1) * self.limit

    def pagination(self, total: int) -> dict[str, int]:
        """Return the ``pagination`` of a response; ``pages`` is at least 1."""
        return {"page": self.number, "limit": self.limit, "total": total, "pages": max(1, -(-total // self.limit))}


def requested(default_limit: int, max_limit: int = 500) -> Page:
    """Return the page that the query string selects.

    :raises RequestError: ``page`` or ``limit`` is not a number, or out of range.
    """
    return Page(_number("page", 1, 10_000_000), _number("limit", default_limit, max_limit))


def _number(name: str, default: int, maximum: int) -> int:
    text = request.args.get(name, "")
    if not text:
        return default
    return parameters.number(name, text, 1, maximum)


def of_import(record: Import, undoable: Collection[int], mapped: Mapping[str, Scanner]) -> dict[str, Any]:
    """Return an import with its figures.

    :param undoable: the ids of the imports that can be undone.
    :param mapped: the scanners whose files are read by mappings.
    """
    mapping = mapped.get(record.scanner, Scanner(record.vendor, None))
    answer = {
        "importId": record.id,
        "sessionId": record.session_id,
        "filename": record.filename,
        "fileSize": record.file_size,
        "vendor": record.vendor,
        "scanner": record.scanner,
        "scannerName": formats.scanner_name(record.scanner, mapping.name) if record.scanner else "",
        "mappingId": mapping.mapping_id,
        "source": record.source_label,
        "sourceId": record.source_id,
        "startedBy": record.started_by,
        "mode": record.mode,
        "scanDate": record.scan_date.isoformat() if record.scan_date else None,
        "scanDateFrom": record.scan_date_from,
        "state": record.state,
        "message": snapshots.message_of(record),
        "createdAt": record.created_at,
        "startedAt": record.started_at,
        "finishedAt": record.finished_at,
        "duration": snapshots.duration(record),
        "stepSeconds": snapshots.work(record).get("stepSeconds", {}),
        **snapshots.figures(record),
        "recognition": record.recognition,
        "warnings": record.warnings[:ENTRIES],
        "warningsTotal": len(record.warnings),
        "summary": record.summary,
        "retryable": record.state == ImportState.FAILED and record.upload != "",
        "undoable": record.id in undoable,
        "undoneAt": record.undone_at,
        "error": snapshots.error_of(record),
    }
    if record.state == ImportState.AWAITING_CONFIRMATION:
        answer |= snapshots.forecast(record)
    return answer


def csv_lines(header: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> Iterator[str]:
    """Yield the lines of a CSV file, with cells escaped that a spreadsheet would run as a formula."""
    for row in chain([header], rows):
        line = io.StringIO()
        csv.writer(line).writerow([escaping.neutralised(cell) for cell in row])
        yield line.getvalue()
