"""The file whose columns are mapped: the stored file of an import, or the sample of one that is stored with a mapping."""

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
