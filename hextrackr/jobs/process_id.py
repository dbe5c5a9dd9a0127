"""Which process is at work: a name that another process on this machine can tell to be gone."""

from __future__ import annotations

import hashlib
import os
import socket
from functools import cache
from pathlib import Path


@cache
def _host() -> str:
    """This machine since it was started; a restart makes another one of it."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    return f"{socket.gethostname()[:40]}/{boot.read_text(encoding='ascii')[:8] if boot.exists() else ''}"


@cache
def _mark() -> str:
    """This machine in six letters."""
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:6]


def own() -> str:
    """The name of this process: ``host/boot/pid-start``."""
    return f"{_host()}/{process()}"


def process() -> str:
    """This process among those of this machine: ``pid-start``."""
    return f"{os.getpid()}-{_started(os.getpid())}"


def maker() -> str:
    """This process in the name of a file that several machines, or containers, may share: ``host-pid-start``."""
    return f"{_mark()}-{process()}"


def maker_is_gone(name: str) -> bool:
    """Whether the process of this machine that made a file has ended; False if it is of another one."""
    mark, _, process_name = name.partition("-")
    return mark == _mark() and process_is_gone(process_name)


def is_gone(name: str) -> bool:
    """Whether the process of this name is known to have ended; one on another machine never is."""
    host, boot, process_name = name.split("/") if name.count("/") == 2 else ("", "", "")
    own_host, own_boot = _host().split("/")
    if host != own_host:
        return not name
    return boot != own_boot or process_is_gone(process_name)


def process_is_gone(name: str) -> bool:
    """Whether a process of this machine has ended, by its ``pid-start``; False if that cannot be told."""
    pid, _, started = name.partition("-")
    if not pid.isdigit() or not Path("/proc/self/stat").exists():
        return False
    return _started(int(pid)) != started


def _started(pid: int) -> str:
    """When a process started, in clock ticks since the machine did; empty if there is none, or none but its exit status."""
    try:
        # Behind the command in brackets, which may hold anything, the 1st and the 20th field: proc(5), state and starttime.
        stat = Path(f"/proc/{pid}/stat").read_bytes()
        told = stat[stat.rindex(b")") + 2 :].split()
        return "" if told[0] in (b"Z", b"X") else told[19].decode()
    except (OSError, ValueError, IndexError):
        return ""
