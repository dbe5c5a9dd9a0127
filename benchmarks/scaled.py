"""What several processes bring: four imports at once, with and without workers, watched by a crowd, and with parts of the system killed.

python -m benchmarks.scaled                     100,000 rows each, 200 clients
python -m benchmarks.scaled --systems killed    one of: embedded, "one worker", "two workers", killed
python -m benchmarks.scaled --database postgresql

Afterwards the final tables are compared with those after the same imports one by one in peace.
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import tempfile
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from tests.support import contents, databases
from tests.support.generator import Estate, write
from tests.support.server import Server, running
from tests.support.services import RedisServer
from tests.support.system import System
from tests.support.waiting import until

from .crowd import Crowd

SYSTEMS = ("embedded", "one worker", "two workers", "killed")
IMPORTS = 4
#: Each import has a source of its own.
SOURCES = [f"site {number}" for number in range(IMPORTS)]


def exports(rows: int) -> list[bytes]:
    """An export for each import."""
    made = []
    for seed in range(IMPORTS):
        stream = io.StringIO(newline="")
        write(stream, Estate(rows, seed=seed))
        made.append(stream.getvalue().encode())
    return made


def upload(server: Server, content: bytes, source: str, session: str, path: str = "import-staging") -> dict[str, Any]:
    """Post an export under a session."""
    boundary = uuid.uuid4().hex
    head = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n{value}'
        for name, more, value in (("sessionId", "", f"{session}\r\n"), ("source", "", f"{source}\r\n"),
                                  ("csvFile", '; filename="scan.csv"', ""))
    )  # fmt: skip
    body = head.encode() + content + f"\r\n--{boundary}--\r\n".encode()
    connection = http.client.HTTPConnection(server.address, timeout=600)
    kind = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    connection.request("POST", f"/api/vulnerabilities/{path}", body, kind)
    answer: dict[str, Any] = json.loads(connection.getresponse().read())
    connection.close()
    return answer


def run(server: Server, contents: list[bytes], clients: int, system: System | None = None) -> tuple[float, Crowd]:
    """Import all files at once before a crowd, and kill parts of the system in the middle; the seconds until all clients know the end."""
    sessions = [str(uuid.uuid4()) for _ in contents]
    crowd = Crowd(server.address, sessions, clients)
    crowd.start()
    began = time.monotonic()
    with ThreadPoolExecutor() as pool:
        list(pool.map(partial(upload, server), contents, SOURCES, sessions))
    if system is not None:
        _, worker = system.one_before_its_end()
        system.kill_worker(worker)
        system.kill_web(0)
    crowd.join()
    return time.monotonic() - began, crowd


def in_peace(files: list[bytes], kept: Path) -> None:
    """Import all files one by one, and keep what is on record then."""
    with running() as server:
        for content, source in zip(files, SOURCES, strict=True):
            upload(server, content, source, str(uuid.uuid4()), "import")
        contents.save(server.instance, kept, final=True)


def measure(kind: str, contents: list[bytes], clients: int, folder: Path, kept: Path) -> tuple[float, Crowd, str]:
    """One system; the last is what was found on record."""
    if kind == "embedded":
        with running(instance=folder, SOCKETS_PER_ADDRESS="10000") as server:
            return *run(server, contents, clients), judged(folder, kept)
    redis = RedisServer(folder)
    redis.start()
    system = System(
        folder, redis, TRUSTED_PROXIES="1", SOCKETS_PER_ADDRESS="10000", API_RATE_LIMIT="off", LOG_LEVEL="WARNING"
    )
    try:
        for _ in range(2):
            system.start_web(ALLOWED_HOSTS="127.0.0.1")
        for _ in range(1 if kind == "one worker" else 2):
            system.start_worker()
        seconds, crowd = run(system.start_nginx(), contents, clients, system if kind == "killed" else None)
        until(lambda: not system.query("SELECT 1 FROM imports WHERE finished_at IS NULL"))
        found = system.query("SELECT state, attempts, inserted FROM imports ORDER BY id")
        attempts = ", ".join(f"{state} in {attempts}: {rows:,}" for state, attempts, rows in found)
        return seconds, crowd, f"{attempts}; {judged(system.instance, kept)}"
    finally:
        system.close()
        redis.close()


def judged(instance: Path, kept: Path) -> str:
    """Whether the final tables are those that were kept."""
    unlike = contents.differences(instance, kept, final=True)
    return "tables unlike: " + " ".join(unlike) if unlike else "tables alike"


def report(rows: int, clients: int, systems: tuple[str, ...] = SYSTEMS) -> None:
    """Measure the systems, and print a line for each."""
    contents = exports(rows)
    print(
        f"system ({IMPORTS} imports of {rows:,} rows) | seconds | rows/s | clients | told by event | asked | came back | on record"
    )
    print("---|" * 8)
    with tempfile.TemporaryDirectory() as outer:
        kept = Path(outer, "kept")
        in_peace(contents, kept)
        for kind in systems:
            folder = Path(outer, kind)
            folder.mkdir()
            seconds, crowd, found = measure(kind, contents, clients, folder, kept)
            events, asked = crowd.ended.count("event"), crowd.ended.count("asked")
            rate = f"{IMPORTS * rows / seconds:,.0f}"
            cells = (kind, f"{seconds:.1f}", rate, clients, events, asked, crowd.reconnects, found)
            print(" | ".join(map(str, cells)), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--systems", nargs="*", default=SYSTEMS, choices=SYSTEMS)
    parser.add_argument("--database", default="sqlite", choices=("sqlite", "postgresql"))
    options = parser.parse_args()
    with databases.of_kind(options.database):
        report(options.rows, options.clients, tuple(options.systems))


if __name__ == "__main__":
    main()
