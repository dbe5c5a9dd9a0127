"""Finds the rows that DuckDB passes over without a word: those that are longer than its buffer and not quoted.

Such a row has, but for one made up for the purpose, a line of more than a megabyte. That is looked for first, at almost no cost; only
a file with such a line is then read record by record.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from hextrackr.errors import FileRefused

from . import swallowed
from .dialect import Dialect

SUSPICIOUS_BYTES = 1024 * 1024
#: So much is looked at of a stretch, from its end on, until a line end is found.
LOOKED_AT_BYTES = 16 * 1024
#: Lines are read whole. No export has longer ones, and they would not fit into memory.
MAX_LINE_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class OverlongRow:
    """A row from byte ``begin`` to before byte ``end``, that starts on ``line``, with so many ``quotes``."""

    begin: int
    end: int
    line: int
    quotes: int


def find(path: Path, dialect: Dialect, limit: int) -> list[OverlongRow]:
    """Find the rows of more than ``limit`` bytes, in the order of the file.

    :param path: the file, in UTF-8.
    :raises FileRefused: a line is too long to be read at all, or the last row a long one that may have swallowed others.
    """
    if not has_longer_line(path, SUSPICIOUS_BYTES):
        return []
    if has_longer_line(path, MAX_LINE_BYTES):
        raise FileRefused(f"A line of this file is longer than {MAX_LINE_BYTES // 1024 // 1024} MB.")
    with path.open("rb") as stream:
        for _ in range(dialect.data_line - 1):
            stream.readline()
        rows = [row for row in _rows(stream, dialect) if row.end - row.begin > limit]
    if rows and rows[-1].quotes % 2 and rows[-1].end == path.stat().st_size:
        raise FileRefused(swallowed.unbalanced(rows[-1].line))
    return rows


def has_longer_line(path: Path, length: int) -> bool:
    """Whether a line of a file is longer than ``length`` bytes: looks at a few bytes of each such stretch only."""
    size = path.stat().st_size
    # Mapped into memory, these bytes would count as the process's own, and many around them.
    with path.open("rb", buffering=0) as stream:
        begin = 0
        while begin + length < size:
            line_end = _last_line_end(stream, begin, begin + length + 1)
            if line_end is None:
                return True
            begin = line_end + 1
    return False


def _last_line_end(stream: BinaryIO, begin: int, end: int) -> int | None:
    """Where the last line ends between two places, of which the second is not looked at."""
    while end > begin:
        first = max(begin, end - LOOKED_AT_BYTES)
        stream.seek(first)
        some = stream.read(end - first)
        found = max(some.rfind(b"\n"), some.rfind(b"\r"))
        if found >= 0:
            return first + found
        end = first
    return None


def _rows(stream: BinaryIO, dialect: Dialect) -> Iterator[OverlongRow]:
    begin = end = stream.tell()
    quotes = 0

    def text() -> Iterator[str]:
        nonlocal end, quotes
        for line in stream:
            end += len(line)
            quotes += line.count(b'"')
            yield line.decode(errors="replace")

    reader = csv.reader(text(), delimiter=dialect.delimiter)
    line = 0
    for _ in reader:
        yield OverlongRow(begin, end, dialect.data_line + line, quotes)
        begin, line, quotes = end, reader.line_num, 0
