"""The columns of a file that no format knows, and its first rows, for the page that maps them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import current_app

from hextrackr.domain.models import Import, ImportState
from hextrackr.errors import Conflict
from hextrackr.ingest import dialect, formats
from hextrackr.ingest.formats import custom
from hextrackr.ingest.formats.format import FIELD_NAMES
from hextrackr.ingest.job import upload_path

_MAX_ROWS = 8
_MAX_CELL = 200


def of_import(record: Import) -> dict[str, Any]:
    """What the file of a failed import looks like.

    :return: ``header``, ``rows`` (the first ones, cells cut), ``guess`` (our fields to columns), and what can be chosen.
    :raises Conflict: ``NOT_RETRYABLE``: the file is not on the server any more.
    :raises FileRefused: it is no table.
    """
    found, sample = _looked_at(record)
    rows = dialect.rows(sample, found, limit=_MAX_ROWS)
    return {
        "header": list(found.header),
        "rows": [[cell[:_MAX_CELL] for cell in row[: len(found.header)]] for row in rows],
        "guess": custom.guess(found.header, formats.known()),
        "severityScales": list(custom.SCALES),
        "fields": list(FIELD_NAMES),
        "essential": {meaning: list(fields) for meaning, fields in custom.ESSENTIAL.items()},
    }


def header_of(record: Import) -> tuple[str, ...]:
    """The column names in the file of a failed import.

    :raises Conflict: ``NOT_RETRYABLE``.
    """
    return _looked_at(record)[0].header


def _looked_at(record: Import) -> tuple[dialect.Dialect, bytes]:
    path = upload_path(Path(current_app.config["INSTANCE_PATH"], "uploads"), record.upload)
    if record.state != ImportState.FAILED or not record.upload or not path.is_file():
        raise Conflict(
            "The file of this import is not on the server any more; please upload it again.", "NOT_RETRYABLE"
        )
    with path.open("rb") as stream:
        sample = stream.read(dialect.SAMPLE_BYTES)
    complete = path.stat().st_size == len(sample)
    return dialect.detect(sample, complete=complete, is_header=formats.is_header), sample
