"""Ids of processes by which another process on the same machine can find out whether they have ended."""

from __future__ import annotations

import hashlib
import os
import socket
from functools import cache
from pathlib import Path


@cache
def _host() -> str:
    """The id of this boot of the machine: ``host/boot``."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    return f"{socket.gethostname()[:40]}/{boot.read_text(encoding='ascii')[:8] if boot.exists() else ''}"


@cache
def _mark() -> str:
    """A hash of the host name, in six letters."""
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:6]


def own() -> str:
    """The id of this process: ``host/boot/pid-start``."""
    return f"{_host()}/{process()}"


def process() -> str:
    """The id of this process on this machine: ``pid-start``."""
    return f"{os.getpid()}-{_started(os.getpid())}"


def maker() -> str:
    """The id of this process for file names in a folder that several machines or containers may share: ``host-pid-start``."""
    return f"{_mark()}-{process()}"


def maker_is_gone(name: str) -> bool:
    """Whether the process that made a file has ended; False if it is on another machine."""
    mark, _, process_name = name.partition("-")
    return mark == _mark() and process_is_gone(process_name)


def is_gone(name: str) -> bool:
    """Whether the process with this id has ended; False if it is on another machine."""
    host, boot, process_name = name.split("/") if name.count("/") == 2 else ("", "", "")
    own_host, own_boot = _host().split("/")
    if host != own_host:
        return not name
    return boot != own_boot or process_is_gone(process_name)


def process_is_gone(name: str) -> bool:
    """Whether the process ``pid-start`` of this machine has ended; False if that cannot be found out."""
    pid, _, started = name.partition("-")
    if not pid.isdigit() or not Path("/proc/self/stat").exists():
        return False
    return _started(int(pid)) != started


def _started(pid: int) -> str:
    """The start of a process in clock ticks since boot; empty if it does not exist, or is a zombie."""
    try:
        # After the command in brackets, which may contain anything, fields 1 and 20 are state and starttime: proc(5).
        stat = Path(f"/proc/{pid}/stat").read_bytes()
        fields = stat[stat.rindex(b")") + 2 :].split()
        return "" if fields[0] in (b"Z", b"X") else fields[19].decode()
    except (OSError, ValueError, IndexError):
        return ""
