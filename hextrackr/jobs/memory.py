"""How much memory this process holds, and may hold."""

from __future__ import annotations

import resource
from contextlib import suppress
from pathlib import Path

_STATM = Path("/proc/self/statm")
#: With this status a process ends that has no memory left to say so.
EXHAUSTED = 77


def limit(size: int) -> None:
    """Bound the address space of this process, in bytes: whatever goes beyond does not get memory.

    https://man7.org/linux/man-pages/man2/setrlimit.2.html
    """
    _, highest = resource.getrlimit(resource.RLIMIT_AS)
    size = size if highest == resource.RLIM_INFINITY else min(size, highest)
    with suppress(ValueError, OSError):  # a system that does not know such a limit
        resource.setrlimit(resource.RLIMIT_AS, (size, size))


def held_mb() -> float:
    """MB of this process that are in memory now, or, where the system does not tell, that were at most.

    https://man7.org/linux/man-pages/man5/proc_pid_statm.5.html
    """
    try:
        pages = int(_STATM.read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return pages * resource.getpagesize() / 1024**2
