"""Finds the line on which a record stands, as an editor counts lines."""

from __future__ import annotations

import csv
from collections.abc import Collection
from pathlib import Path

from .dialect import Dialect

#: No limit: a cell may hold several MB.
csv.field_size_limit(2**31 - 1)


def of_records(path: Path, dialect: Dialect, ordinals: Collection[int]) -> dict[int, int]:
    """Find lines by ordinals.

    :param path: the file, in UTF-8.
    :param ordinals: numbers of the wanted records, from 0, empty lines not counted.
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
            if row:
                if ordinal in ordinals:
                    found[ordinal] = line
                if ordinal == last:
                    break
                ordinal += 1
            line = dialect.data_line + reader.line_num
    return found
