"""Finds the line on which a record stands, as an editor counts lines."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable
from pathlib import Path

from .dialect import Dialect

#: No limit: a cell may hold several MB.
csv.field_size_limit(2**31 - 1)


def of_records(
    path: Path, dialect: Dialect, ordinals: Collection[int], skipped_lines: Collection[int]
) -> dict[int, int]:
    """Find lines by ordinals.

    :param path: the file, in UTF-8.
    :param ordinals: numbers of the wanted records, from 0, empty lines and ``skipped_lines`` not counted.
    :param skipped_lines: lines on which records begin that were not counted because they are malformed.
    :return: the line of each wanted record, from 1.
    """
    if not ordinals:
        return {}
    found: dict[int, int] = {}
    last = max(ordinals)
    with path.open(encoding="utf-8", errors="replace", newline="") as stream:
        for _ in range(dialect.data_line - 1):
            stream.readline()
        reader = csv.reader(stream, delimiter=dialect.delimiter)
        ordinal, line = 0, dialect.data_line
        for row in reader:
            if row and line not in skipped_lines:
                if ordinal in ordinals:
                    found[ordinal] = line
                if ordinal == last:
                    break
                ordinal += 1
            line = dialect.data_line + reader.line_num
    return found


def of_offsets(path: Path, offsets: Iterable[int]) -> dict[int, int]:
    """Find the line, from 1, on which each byte offset stands."""
    found: dict[int, int] = {}
    line, position = 1, 0
    with path.open("rb") as stream:
        for offset in sorted(set(offsets)):
            while position < offset:
                chunk = stream.read(min(1024 * 1024, offset - position))
                if not chunk:
                    break
                line += chunk.count(b"\n")
                position += len(chunk)
            found[offset] = line
    return found
