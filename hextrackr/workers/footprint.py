"""How much memory this process holds."""

from __future__ import annotations

import resource
from pathlib import Path

_STATM = Path("/proc/self/statm")


def held_mb() -> float:
    """MB of this process that are in memory now, or, where the system does not tell, that were at most.

    https://man7.org/linux/man-pages/man5/proc_pid_statm.5.html
    """
    try:
        pages = int(_STATM.read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return pages * resource.getpagesize() / 1024**2
