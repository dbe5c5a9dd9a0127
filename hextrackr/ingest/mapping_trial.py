"""Tries a mapping on the first rows of a file before it is saved, by the code that an import runs, and counts what is in mapped columns."""

from __future__ import annotations

import csv
import io
import time
from collections import Counter
from collections.abc import Mapping as Dictionary
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from hextrackr.domain.models import Severity
from hextrackr.errors import HexTrackrError
from hextrackr.progress.estimate import Meter

from . import dialect, formats, pipeline, read_queries
from .attempt import Job
from .csv_database import CsvDatabase
from .dialect import Dialect
from .estimate import SourceState
from .formats import custom
from .formats.format import Recognised
from .identify import Opened
from .mapping import FAULTS, Mapping, Readings
from .row_errors import RejectedRow

#: So much of a file is tried, in bytes.
TRIED_BYTES = 1024 * 1024
#: Up to this size, values are counted in the whole file.
COUNTED_BYTES = 256 * 1024 * 1024
#: So many rows are shown as they come out, so many characters of each cell, and so many values of a column.
EXAMPLES, SHOWN, VALUES = 5, 200, 100
_MEMORY = "128MB"

Words = list[tuple[str, str, int]]
#: What was counted in large files, which takes seconds, by file and columns: each change of a mapping asks for it again.
_counts: dict[tuple[Path, tuple[int, ...]], Words] = {}
_MAX_COUNTS = 16


@dataclass(frozen=True)
class _File:
    """What a mapping is tried on.

    :ivar path: the file, or what is tried of it.
    :ivar upload: the whole file.
    """

    path: Path
    upload: Path
    dialect: Dialect
    first: list[list[str]]

    @property
    def readable(self) -> bool:
        """Whether DuckDB can read the upload as it stands."""
        return self.dialect.encoding == "utf-8" and not self.dialect.guessed and not self.dialect.wrapped


def run(asked: Dictionary[str, Any], folder: Path) -> dict[str, Any]:
    """Try a mapping.

    :param asked: ``fields``, ``meanings``, ``severityScale`` and ``dayFirst`` of the mapping; ``upload``, the path of the file, or
        ``sample``, its header and rows; and ``rejected``, values that an import has refused: column to pairs of value and count.
    :param folder: an empty one for temporary files.
    :return: ``works``: it can be saved; ``missing``: what no column holds; ``counts`` and ``wholeFile``: how many rows were
        tried, and whether these are all; ``rows``: what the first ones become; ``errors``: why rows are rejected, by column; ``values``:
        what is in the columns of severity and state, and what it means; ``trouble``: why the file cannot be read, or empty.
    :raises RequestError: the mapping has what no mapping can have.
    :raises FileRefused: the file is gone, or no table.
    """
    file = _of_upload(Path(asked["upload"]), folder) if asked.get("upload") else _of_sample(asked["sample"], folder)
    mapped = custom.format_of(
        "", "the file", file.dialect.header, asked["fields"],
        severity_scale=asked["severityScale"], day_first=asked["dayFirst"], meanings=asked["meanings"], complete=False,
    )  # fmt: skip
    missing = custom.missing(custom.columns_by_field(asked["fields"]))
    recognised = mapped.recognised(file.dialect.header)
    answer = {
        "works": False,
        "missing": missing,
        "wholeFile": file.path == file.upload,
        "counts": None,
        "rows": [],
        "errors": [],
        "values": {field: _values(file, recognised, field, asked, folder) for field in custom.MEANINGS},
        "trouble": "",
    }
    if missing:
        return answer
    try:
        return answer | _read(file, recognised, asked, folder)
    except HexTrackrError as error:
        return answer | {"trouble": error.detail}


def _of_upload(upload: Path, folder: Path) -> _File:
    with upload.open("rb") as stream:
        sample, size = stream.read(TRIED_BYTES), upload.stat().st_size
    looked_at = sample[: dialect.SAMPLE_BYTES]
    found = dialect.detect(looked_at, complete=len(looked_at) == size, is_header=formats.is_header)
    path = upload
    if size > len(sample):
        path = folder / "beginning.csv"
        path.write_bytes(_whole_rows(sample, found))
    return _File(path, upload, found, dialect.rows(looked_at, found))


def _whole_rows(sample: bytes, found: Dialect) -> bytes:
    """The beginning of a file up to the last row that is whole."""
    errors = "replace" if found.encoding.startswith("utf-16") else "surrogateescape"
    text = sample[found.bom :].decode(found.encoding, errors)
    lines = list(io.StringIO(text, newline=""))
    rows = csv.reader(lines, delimiter=found.delimiter)
    ends = [0, 0]
    with suppress(csv.Error):
        for _ in rows:
            ends.append(rows.line_num)
    return sample[: found.bom] + "".join(lines[: ends[-2]]).encode(found.encoding, errors)


def _of_sample(sample: Dictionary[str, Any], folder: Path) -> _File:
    """The rows that a mapping has stored of a file, as a file."""
    path = folder / "sample.csv"
    header = tuple(sample["header"])
    names = [" ".join(name.split()) for name in header]
    rows = [[*row, *[""] * (len(header) - len(row))][: len(header)] for row in sample["rows"]]
    with path.open("w", encoding="utf-8", errors="replace", newline="") as stream:
        csv.writer(stream, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([names, *rows])
    return _File(path, path, Dialect("utf-8", False, 0, ",", header, 1, 2), rows)


def _read(file: _File, recognised: Recognised, asked: Dictionary[str, Any], folder: Path) -> dict[str, Any]:
    job = Job(0, 0, "", str(file.path), str(folder), _MEMORY, 100)
    size = file.path.stat().st_size
    opened = Opened(size, file.dialect, recognised, file.first, [], date.today(), 0, SourceState(0, None), None)
    with closing(pipeline.rows_read(job, opened, Meter(lambda reading: None, time.monotonic))) as reader:
        counts = reader.deduplicate()
        return {
            "works": counts.findings > 0,
            "counts": {name: getattr(counts, name) for name in ("rows", "findings", "merged", "blank", "rejected")},
            "rows": [_example(file.dialect, recognised, row) for row in reader.examples(EXAMPLES, SHOWN)],
            "errors": _by_column(file.dialect, recognised, reader.rejected()),
        }


def _example(found: Dialect, recognised: Recognised, row: dict[str, Any]) -> dict[str, Any]:
    """What a row of the file becomes, as JSON types."""
    severity, state = row["severity"], row["state"]
    first_seen, last_seen = row["first_seen"], row["last_seen"]
    faults = [(FAULTS[number], row["values"][number]) for number in row["faults"] if number is not None]
    return {
        "line": row["line"],
        "cells": [cell or "" for cell in row["cells"]],
        "pluginId": row["plugin_id"],
        **{name: row[name] for name in ("host", "ip", "title", "port", "protocol", "cvss", "vpr")},
        "severity": None if severity is None else Severity(severity).name.lower(),
        "state": next((word for word, number in custom.MEANINGS["state"].items() if number == state), None),
        "firstSeen": first_seen and first_seen.isoformat(),
        "lastSeen": last_seen and last_seen.isoformat(),
        "errors": [
            {"column": _column(found, recognised, fault.field), "value": value or "", "reason": fault.reason}
            for fault, value in faults
        ],
    }


def _column(found: Dialect, recognised: Recognised, field: str) -> str:
    """The column in which a field should stand, or else another one that could tell the same; empty if there is none."""
    alike = next((fields for fields in custom.ESSENTIAL.values() if field in fields), ())
    places = (place for name in (field, *alike) for place in recognised.places[name])
    return next((found.header[place] for place in places), "")


def _by_column(found: Dialect, recognised: Recognised, rejected: Sequence[RejectedRow]) -> list[dict[str, Any]]:
    """Why rows are rejected: each reason once for each column, with how many rows there are, and the line and the value of the first."""
    rows = Counter((row.column, row.reason) for row in rejected)
    firsts = {(row.column, row.reason): row for row in reversed(rejected)}
    names = {name.strip() for name in found.header}
    return [
        {
            "column": column if column in names or not column else _column(found, recognised, column),
            "reason": reason,
            "rows": count,
            "line": firsts[column, reason].line,
            "value": firsts[column, reason].value[:SHOWN],
        }
        for (column, reason), count in rows.most_common()
    ]


def _values(
    file: _File, recognised: Recognised, field: str, asked: Dictionary[str, Any], folder: Path
) -> dict[str, Any] | None:
    """What is in the column of a field; None if no column holds it.

    :return: ``column``, ``more``: there are other values beside these, and ``values`` with the ``word`` by which each is compared, the
        ``value`` as it is written, the ``rows`` that have it, its ``meaning``, and what that is if nobody says: ``usual``; None: the row is
        rejected.
    """
    if not recognised.places[field]:
        return None
    column = file.dialect.header[recognised.places[field][0]]
    found = list(_counted(file, recognised, field, folder))
    meanings = {value.lower(): word for value, word in asked["meanings"].get(field, {}).items()}
    refused = asked.get("rejected", {}).get(column, [])
    listed = {word for word, _, _ in found}
    found += [(value.lower(), value, rows) for value, rows in refused if value.lower() not in listed]
    listed |= {word for word, _, _ in found}
    values = [*found[:VALUES], *((word, word, 0) for word in meanings if word not in listed)]
    described = []
    for word, value, rows in values:
        usual = custom.usual_meaning(field, word, asked["severityScale"])
        described.append(
            {
                "word": word,
                "value": value[:SHOWN],
                "rows": rows,
                "usual": usual,
                "meaning": meanings.get(word, usual),
            }
        )
    return {"column": column, "more": len(found) > VALUES, "values": described}


def _counted(file: _File, recognised: Recognised, field: str, folder: Path) -> Words:
    """The values of a column, in the whole file if that can be read fast, else in what is tried of it; none if it cannot be read."""
    mapping = Mapping(recognised, Readings())
    key = file.upload, recognised.places[field]
    if key in _counts:
        return _counts[key]

    def counted(path: Path) -> Words:
        with closing(CsvDatabase(path, file.dialect, spill=folder, memory_limit=_MEMORY)) as database:
            return database.all(read_queries.words(mapping, database.source(), field, VALUES + 1))

    with suppress(HexTrackrError):
        if file.readable and file.upload.stat().st_size <= COUNTED_BYTES:
            found = counted(file.upload)
            if file.path != file.upload:
                if len(_counts) >= _MAX_COUNTS:
                    _counts.clear()
                _counts[key] = found
            return found
    with suppress(HexTrackrError):
        dialect.write_copy(file.path, folder / "counted.csv", file.dialect)
        return counted(folder / "counted.csv")
    return []
