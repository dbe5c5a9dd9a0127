"""One import through a running server, watched from outside: events, health and memory."""

from __future__ import annotations

import http.client
import json
import multiprocessing
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

from tests.support import sockets
from tests.support.server import Server

ASKED_EVERY = 0.025
#: What is asked in turns: a bare answer, a page, the list of findings.
PATHS = ("/health", "/imports", "/api/vulnerabilities?limit=50")
#: In seconds; to read it takes the kernel some milliseconds for each process, in which that cannot get more.
MEMORY_EVERY = 0.5
CHUNK = 256 * 1024
#: A time left of less than this, in seconds, is not held against its share of what is left.
ETA_UNTIL = 0.5


@dataclass
class Watch:
    """What a joined client saw: instant (seconds), progress, time left (seconds) and delay (ms) of each event; the last snapshot."""

    instants: list[float] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    progress: list[float] = field(default_factory=list)
    left: list[float | None] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)
    last: dict[str, Any] = field(default_factory=dict)

    def take(self, snapshot: dict[str, Any]) -> None:
        """Take down an event."""
        self.instants.append(time.monotonic())
        self.delays.append(time.time() * 1000 - snapshot["timestamp"])
        self.progress.append(snapshot["progress"])
        self.left.append(snapshot["metadata"].get("etaSeconds"))
        self.last = snapshot
        if snapshot["status"] in ("completed", "error"):
            self.done.set()


@dataclass(frozen=True)
class Seen:
    """What one import was seen to do; times in seconds, memory in MB.

    :ivar took: from the answer to the upload until the last event.
    :ivar progress_error: the greatest distance of the progress from the share of the time, 0..1.
    :ivar eta_error: that of the time left from the truth, as a share of that, from a third of the run on.
    :ivar answers: how long each answer took, by path.
    :ivar delays: from the event's timestamp until it arrived, in ms.
    :ivar outcome: the figures of the last event.
    """

    upload: float
    answer: float
    took: float
    first_event: float
    silence: float
    progress_error: float
    eta_error: float
    answers: dict[str, list[float]]
    delays: list[float]
    memory: float
    outcome: dict[str, Any]


def measure(server: Server, path: Path, *, asked: Sequence[str] = PATHS, **fields: str) -> Seen:
    """Import one file, with these form fields.

    :param asked: what is asked in turns meanwhile, forty times a second: to be answered is work as well.
    """
    stop = multiprocessing.Event()
    results: multiprocessing.Queue[tuple[str, Any]] = multiprocessing.Queue()
    watchers = [multiprocessing.Process(target=_memory, args=(server, stop, results))]
    if asked:
        watchers.append(multiprocessing.Process(target=_answers, args=(server, stop, results, asked)))
    for watcher in watchers:
        watcher.start()
    time.sleep(0.5)
    session, watch = str(uuid.uuid4()), Watch()
    client = joined(server, session, watch)
    began = time.monotonic()
    last_byte, answered = upload(server, path, {**fields, "sessionId": session})
    watch.done.wait(3600)
    client.disconnect()
    stop.set()
    seen = dict(results.get() for _ in watchers)
    for watcher in watchers:
        watcher.join()
    ended = watch.instants[-1]
    total = ended - answered
    points = [
        (at - answered, progress / 100, left)
        for at, progress, left in zip(watch.instants, watch.progress, watch.left, strict=True)
        if at >= answered
    ]
    told = [(total - at, left) for at, _, left in points if left is not None and total / 3 < at < total - ETA_UNTIL]
    return Seen(
        upload=last_byte - began,
        answer=answered - last_byte,
        took=total,
        first_event=watch.instants[0] - answered,
        silence=max(later - earlier for earlier, later in zip(watch.instants, watch.instants[1:], strict=False)),
        progress_error=max(abs(progress - at / total) for at, progress, _ in points),
        eta_error=max((abs(left - true) / true for true, left in told), default=0.0),
        answers=seen.get("answers", {}),
        delays=watch.delays,
        memory=seen["memory"],
        outcome=watch.last["metadata"],
    )


def joined(server: Server, session: str, watch: Watch) -> sockets.Client:
    client = sockets.Client(reconnection=False)
    for event in ("progress-status", "progress-update", "progress-complete", "progress-error"):
        client.on(event, watch.take)
    client.connect(server.url, transports=["websocket"])
    client.call("join-progress", session)
    return client


def upload(server: Server, path: Path, fields: dict[str, str]) -> tuple[float, float]:
    """Upload a file; return when its last byte left and when the answer had come."""
    boundary = uuid.uuid4().hex
    parts = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    head = (
        "".join(parts) + f'--{boundary}\r\nContent-Disposition: form-data; name="csvFile"; filename="scan.csv"\r\n'
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


def idle(server: Server, seconds: float) -> dict[str, list[float]]:
    """How long answers take while nothing else is done, by path."""
    stop = multiprocessing.Event()
    results: multiprocessing.Queue[tuple[str, Any]] = multiprocessing.Queue()
    process = multiprocessing.Process(target=_answers, args=(server, stop, results, PATHS))
    process.start()
    time.sleep(seconds)
    stop.set()
    _, answers = results.get()
    process.join()
    return answers  # type: ignore[no-any-return]


@contextmanager
def busy(count: int) -> Iterator[None]:
    """Keep so many cores busy meanwhile."""
    programs = [multiprocessing.Process(target=_spin, daemon=True) for _ in range(count)]
    for program in programs:
        program.start()
    try:
        yield
    finally:
        for program in programs:
            program.terminate()


def _spin() -> None:
    while True:
        pass


def _answers(
    server: Server, stop: Event, results: multiprocessing.Queue[tuple[str, Any]], paths: Sequence[str]
) -> None:
    connection = http.client.HTTPConnection(server.address)
    took: dict[str, list[float]] = {path: [] for path in paths}
    while not stop.is_set():
        for path in paths:
            began = time.monotonic()
            connection.request("GET", path)
            connection.getresponse().read()
            took[path].append(time.monotonic() - began)
            time.sleep(max(0.0, ASKED_EVERY - took[path][-1]))
    results.put(("answers", took))


def _memory(server: Server, stop: Event, results: multiprocessing.Queue[tuple[str, Any]]) -> None:
    peak = 0.0
    while not stop.wait(MEMORY_EVERY):
        peak = max(peak, server.memory())
    results.put(("memory", peak))
