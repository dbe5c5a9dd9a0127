"""The file whose columns are mapped: the one that an import has stored, or the sample that a mapping has stored of one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import current_app

from hextrackr.domain.models import Import, SavedMapping
from hextrackr.errors import Conflict
from hextrackr.extensions import offload
from hextrackr.ingest import dialect, formats
from hextrackr.ingest.formats import custom
from hextrackr.ingest.formats.format import FIELD_NAMES, normalised
from hextrackr.ingest.job import upload_path

_MAX_ROWS = 8
_MAX_CELL = 200


@dataclass(frozen=True)
class MappedFile:
    """What is there of a file to map its columns.

    :ivar header: its column names; ``rows`` its first rows, cells cut.
    :ivar upload: its path; None if only the sample of a mapping is left.
    """

    header: tuple[str, ...]
    rows: list[list[str]]
    upload: Path | None = None

    def sample(self) -> dict[str, Any]:
        """What a mapping keeps of it."""
        return {"header": list(self.header), "rows": self.rows}

    def names(self) -> list[str]:
        """Its column names as they are compared."""
        return sorted(set(map(normalised, self.header)))


def stored(record: Import) -> MappedFile | None:
    """The file of an import, if it is still on the server.

    :raises FileRefused: it is no table.
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
    """The sample that a mapping has stored of a file.

    An old mapping has none: then no more than the names of the columns, in lower case where it does not use them.
    """
    if mapping.sample:
        return MappedFile(tuple(mapping.sample["header"]), mapping.sample["rows"])
    used = [column for columns in custom.columns_by_field(mapping.fields).values() for column in columns]
    spelled = {normalised(column): column for column in used}
    return MappedFile(tuple(spelled.get(name, name) for name in mapping.header), [])


def of_import(record: Import, mapping: SavedMapping | None) -> MappedFile:
    """The file of an import, or the sample of it that the mapping has stored by which it was read.

    :raises Conflict: ``NOT_RETRYABLE``: there is neither.
    :raises FileRefused: it is no table.
    """
    file = stored(record) or (from_mapping(mapping) if mapping is not None else None)
    if file is None:
        raise Conflict(
            "The file of this import is not on the server any more; please upload it again.", "NOT_RETRYABLE"
        )
    return file


def answered(file: MappedFile) -> dict[str, Any]:
    """The columns of a file, and what can be chosen for each."""
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
