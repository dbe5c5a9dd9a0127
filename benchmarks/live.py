"""What an import costs, and what it does to everybody else meanwhile.

Starts a real server, uploads generated exports, and watches from outside: a socket client takes down when each event arrives,
a process of its own asks ``/health`` every 50 ms, another adds up the memory of all server processes.

    python -m benchmarks.live                  100,000 rows: first import, the same again, a follow-up scan
    python -m benchmarks.live --rows 1000000
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import tempfile
import threading
import time
import uuid
from dataclasses import dataclass, field
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import socketio

from .exports import Estate, write
from .server import Server, running

HEALTH_EVERY = 0.05
MEMORY_EVERY = 0.2  # to read it takes the kernel some milliseconds for each process
CHUNK = 256 * 1024


@dataclass
class Watch:
    """What a joined client saw: the instant (seconds) and progress of each event, and the last snapshot."""

    instants: list[float] = field(default_factory=list)
    progress: list[float] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)
    last: dict[str, Any] = field(default_factory=dict)

    def take(self, snapshot: dict[str, Any]) -> None:
        """Take down an event."""
        self.instants.append(time.monotonic())
        self.progress.append(snapshot["progress"])
        self.last = snapshot
        if snapshot["status"] in ("completed", "error"):
            self.done.set()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    options = parser.parse_args()
    estate = Estate(options.rows)
    scans = {
        "first import": {"day": "2026-08-01"},
        "the same again": {"day": "2026-08-01"},
        "follow-up": {"day": "2026-08-08", "gone": 0.1, "new": 0.05},
    }
    with tempfile.TemporaryDirectory(prefix="hextrackr-exports-") as folder, running() as server:
        time.sleep(2)  # the importer process warms up beside the server
        rows: list[dict[str, str]] = []
        for name, scan in scans.items():
            path = Path(folder) / "scan.csv"
            with path.open("w", encoding="utf-8", newline="") as stream:
                write(stream, estate, **scan)  # type: ignore[arg-type]
            rows.append({"": name, **measure(server, path)})
            time.sleep(2)
    _print(rows)


def measure(server: Server, path: Path) -> dict[str, str]:
    """Import one file and return what was seen, as texts by name."""
    stop = multiprocessing.Event()
    results: multiprocessing.Queue[tuple[str, Any]] = multiprocessing.Queue()
    watchers = [multiprocessing.Process(target=target, args=(server, stop, results)) for target in (_health, _memory)]
    for watcher in watchers:
        watcher.start()
    time.sleep(0.5)
    session, watch = str(uuid.uuid4()), Watch()
    client = _joined(server, session, watch)
    began = time.monotonic()
    last_byte, answered = _upload(server, path, session)
    watch.done.wait(600)
    ended = watch.instants[-1]
    client.disconnect()
    stop.set()
    seen = dict(results.get() for _ in watchers)
    for watcher in watchers:
        watcher.join()
    gaps = [later - earlier for earlier, later in zip(watch.instants, watch.instants[1:], strict=False)]
    total = ended - answered
    error = max(
        abs(p / 100 - (at - answered) / total)
        for p, at in zip(watch.progress, watch.instants, strict=True)
        if at >= answered
    )
    metadata = watch.last["metadata"]
    return {
        "upload": f"{last_byte - began:.2f} s",
        "answer after last byte": f"{(answered - last_byte) * 1000:.0f} ms",
        "import": f"{ended - answered:.2f} s",
        "first event": f"{(watch.instants[0] - answered) * 1000:.0f} ms",
        "longest silence": f"{max(gaps) * 1000:.0f} ms",
        "progress error": f"{error:.2f}",
        "health max": f"{max(seen['health']) * 1000:.0f} ms",
        "health median": f"{sorted(seen['health'])[len(seen['health']) // 2] * 1000:.1f} ms",
        "peak memory": f"{seen['memory']:.0f} MB",
        "outcome": " ".join(str(metadata.get(name)) for name in ("inserted", "updated", "resolved", "unchanged")),
    }


def _joined(server: Server, session: str, watch: Watch) -> socketio.Client:
    client = socketio.Client(reconnection=False)
    for event in ("progress-status", "progress-update", "progress-complete", "progress-error"):
        client.on(event, watch.take)
    client.connect(server.url, transports=["websocket"])
    client.call("join-progress", session)
    return client


def _upload(server: Server, path: Path, session: str) -> tuple[float, float]:
    """Upload a file; return when its last byte left and when the answer had come."""
    boundary = uuid.uuid4().hex
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="sessionId"\r\n\r\n{session}\r\n'
        f'--{boundary}\r\nContent-Disposition: form-data; name="csvFile"; filename="scan.csv"\r\n'
        "Content-Type: text/csv\r\n\r\n"
    ).encode()
    tail = f"\r\n--{boundary}--\r\n".encode()
    connection = http.client.HTTPConnection(server.address)
    connection.putrequest("POST", "/api/vulnerabilities/import-staging")
    connection.putheader("Content-Type", f"multipart/form-data; boundary={boundary}")
    connection.putheader("Content-Length", str(len(head) + path.stat().st_size + len(tail)))
    connection.endheaders(head)
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            connection.send(chunk)
    connection.send(tail)
    last_byte = time.monotonic()
    answer = connection.getresponse()
    body = json.loads(answer.read())
    if answer.status != 202:
        raise RuntimeError(f"the upload was refused: {body}")
    return last_byte, time.monotonic()


def _health(server: Server, stop: Event, results: multiprocessing.Queue[tuple[str, Any]]) -> None:
    connection = http.client.HTTPConnection(server.address)
    took = []
    while not stop.is_set():
        began = time.monotonic()
        connection.request("GET", "/health")
        connection.getresponse().read()
        took.append(time.monotonic() - began)
        time.sleep(max(0.0, HEALTH_EVERY - took[-1]))
    results.put(("health", took))


def _memory(server: Server, stop: Event, results: multiprocessing.Queue[tuple[str, Any]]) -> None:
    peak = 0.0
    while not stop.wait(MEMORY_EVERY):
        peak = max(peak, server.memory())
    results.put(("memory", peak))


def _print(rows: list[dict[str, str]]) -> None:
    for name in rows[0]:
        print(f"{name:24}" + "".join(f"{row[name]:>24}" for row in rows))


if __name__ == "__main__":
    main()
