"""One event to thousands of clients: our server, the same without its own broadcast, and Node.js with socket.io, in turns.

python -m benchmarks.fanout                     1,000 clients
python -m benchmarks.fanout --clients 5000 --rounds 3
python -m benchmarks.fanout --servers ours threading "two processes"
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import psutil

from tests.support import ROOT, ports
from tests.support.server import Server, running
from tests.support.services import RedisServer
from tests.support.system import System

from .watchers import Audience, raise_file_limit

SERVERS = ("ours", "without broadcast", "Node.js")
#: Ours in the other mode, and as two processes behind nginx with Redis between them, of which one emits; there CPU and memory are nginx's.
OTHERS = ("threading", "two processes")
SETTINGS = {"SOCKETS_PER_ADDRESS": "100000"}
EVERY_MS = 100


@dataclass
class Figures:
    """One run: CPU in µs for each message, delays in ms, memory in kB and CPU in % for idle clients."""

    cpu: float
    median: float
    p99: float
    worst: float
    delivered: float
    disorder: int
    memory: float
    idle: float
    connects: float


@contextmanager
def serving(kind: str, folder: Path) -> Iterator[Server]:
    """Start one of the servers."""
    if kind == "Node.js":
        port = ports.free()
        command = [sys.executable, "tools/node.py", "node", "benchmarks/fanout_node.mjs", str(port)]
        process = subprocess.Popen(command, cwd=ROOT)
        try:
            time.sleep(1.5)
            yield Server(f"127.0.0.1:{port}", process.pid, folder)
        finally:
            for child in psutil.Process(process.pid).children(recursive=True):
                child.terminate()
            process.terminate()
            process.wait()
    elif kind == "two processes":
        redis = RedisServer(folder)
        redis.start()
        system = System(folder, redis, TRUSTED_PROXIES="1", LOG_LEVEL="WARNING", **SETTINGS)
        try:
            for _ in range(2):
                system.start_web("tests.support.instrumented_app:app", ALLOWED_HOSTS="127.0.0.1")
            yield system.start_nginx()
        finally:
            system.close()
            redis.close()
    else:
        broadcast = "off" if kind == "without broadcast" else "on"
        mode = kind if kind in OTHERS else "eventlet"
        settings: dict[str, Any] = {"FAST_BROADCAST": broadcast, "ASYNC_MODE": mode, **SETTINGS}
        with running(app="tests.support.instrumented_app:app", **settings) as server:
            time.sleep(2)
            yield server


def cpu_seconds(server: Server) -> float:
    """What all processes of a server have used."""
    processes = [psutil.Process(server.pid), *psutil.Process(server.pid).children(recursive=True)]
    return sum(sum(process.cpu_times()[:2]) for process in processes)


def measure(kind: str, clients: int, seconds: int) -> Figures:
    """One run against one server."""
    with tempfile.TemporaryDirectory() as folder, serving(kind, Path(folder)) as server:
        session, count = str(uuid.uuid4()), seconds * 1000 // EVERY_MS
        alone = server.memory()
        audience = Audience(server.address, session, clients)
        time.sleep(1)
        memory, before = server.memory() - alone, cpu_seconds(server)
        time.sleep(5)
        idle = (cpu_seconds(server) - before) / 5
        before = cpu_seconds(server)
        url = f"{server.url}/benchmark/emit?session={session}&count={count}&every={EVERY_MS}"
        urlopen(Request(url, method="POST"), timeout=30).read()
        time.sleep(seconds + 2)
        used = cpu_seconds(server) - before
        seen = audience.leave()
    delays = sorted(delay for part in seen for delay in part.delays)
    return Figures(
        cpu=used * 1e6 / len(delays),
        median=delays[len(delays) // 2] / 1000,
        p99=delays[len(delays) * 99 // 100] / 1000,
        worst=delays[-1] / 1000,
        delivered=len(delays) / (clients * count),
        disorder=sum(part.disorder for part in seen),
        memory=memory * 1000 / clients,
        idle=idle * 100,
        connects=clients / max(part.connected for part in seen),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--servers", nargs="*", default=SERVERS, choices=(*SERVERS, *OTHERS))
    options = parser.parse_args()
    report(options.clients, options.seconds, options.rounds, options.servers)


def report(clients: int, seconds: int, rounds: int, servers: Sequence[str] = SERVERS) -> None:
    """Measure the servers in turns, and print a line for each."""
    raise_file_limit()
    runs: dict[str, list[Figures]] = {kind: [] for kind in servers}
    for _ in range(rounds):
        for kind in servers:
            runs[kind].append(measure(kind, clients, seconds))
    print(
        "clients | server | CPU µs/message | p50 ms | p99 ms | worst ms | delivered | out of order | kB/client | idle CPU | connects/s"
    )
    print("---|" * 11)
    for kind, figures in runs.items():
        names = Figures.__annotations__
        middle = Figures(*(statistics.median(getattr(run, name) for run in figures) for name in names))
        cells = (
            f"{clients:,}", kind, f"{middle.cpu:.1f}", f"{middle.median:.1f}", f"{middle.p99:.1f}", f"{middle.worst:.1f}",
            f"{middle.delivered:.2%}", f"{middle.disorder}", f"{middle.memory:.0f}", f"{middle.idle:.1f} %", f"{middle.connects:.0f}",
        )  # fmt: skip
        print(" | ".join(cells), flush=True)


if __name__ == "__main__":
    main()
