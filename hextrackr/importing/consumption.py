"""How much this process has read, as the system counts it: DuckDB's own figure leaves out up to half of what a file with long rows has."""

from __future__ import annotations

from pathlib import Path

_COUNTS = Path("/proc/self/io")


def read_bytes() -> int | None:
    """The bytes that this process has read so far, from files, pipes and all else; None where the system does not tell.

    https://man7.org/linux/man-pages/man5/proc_pid_io.5.html
    """
    try:
        name, count = _COUNTS.read_text().splitlines()[0].split()
    except (OSError, ValueError, IndexError):
        return None
    return int(count) if name == "rchar:" and count.isdecimal() else None
