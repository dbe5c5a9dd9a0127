"""Finds lines that are too long to be read, at almost no cost."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from hextrackr.errors import FileRefused

#: So much is looked at of a stretch, from its end on, until a line end is found.
LOOKED_AT_BYTES = 16 * 1024
#: Lines are read whole. No export has longer ones, and they would not fit into memory.
MAX_LINE_BYTES = 64 * 1024 * 1024


def refuse(path: Path) -> None:
    """Look for a line that is too long to be read at all.

    :raises FileRefused: there is one.
    """
    if has_longer_line(path, MAX_LINE_BYTES):
        raise FileRefused(f"A line of this file is longer than {MAX_LINE_BYTES // 1024 // 1024} MB.")


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
