"""What several processes bring: four imports at once, with and without workers, watched by a crowd, and with parts of the system killed.

python -m benchmarks.scaled                     100,000 rows each, 200 clients
python -m benchmarks.scaled --systems killed    one of: embedded, "one worker", "two workers", killed
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
from pathlib import Path
from typing import Any

from .crowd import Crowd
from .exports import Estate, write
from .server import Server, running
from .services import RedisServer
from .system import System, until

SYSTEMS = ("embedded", "one worker", "two workers", "killed")
IMPORTS = 4


def exports(rows: int) -> list[bytes]:
    """An export for each import."""
    made = []
    for seed in range(IMPORTS):
        stream = io.StringIO(newline="")
        write(stream, Estate(rows, seed=seed))
        made.append(stream.getvalue().encode())
    return made


def upload(server: Server, content: bytes, session: str) -> dict[str, Any]:
    """Post an export under a session, into a source of its own."""
    boundary = uuid.uuid4().hex
    head = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n{value}'
        for name, more, value in (("sessionId", "", f"{session}\r\n"), ("source", "", f"{session}\r\n"),
                                  ("csvFile", '; filename="scan.csv"', ""))
    )  # fmt: skip
    body = head.encode() + content + f"\r\n--{boundary}--\r\n".encode()
    connection = http.client.HTTPConnection(server.address, timeout=120)
    kind = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    connection.request("POST", "/api/vulnerabilities/import-staging", body, kind)
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
        list(pool.map(lambda pair: upload(server, *pair), zip(contents, sessions, strict=True)))
    if system is not None:
        _, worker = system.one_before_its_end()
        system.kill_worker(worker)
        system.kill_web(0)
    crowd.join()
    return time.monotonic() - began, crowd


def measure(kind: str, contents: list[bytes], clients: int, folder: Path) -> tuple[float, Crowd, str]:
    """One system; the last is what was found on record."""
    if kind == "embedded":
        with running(instance=folder, SOCKETS_PER_ADDRESS="10000") as server:
            return *run(server, contents, clients), "as uploaded"
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
        return seconds, crowd, ", ".join(f"{state} in {attempts}: {rows:,}" for state, attempts, rows in found)
    finally:
        system.close()
        redis.close()


def report(rows: int, clients: int, systems: tuple[str, ...] = SYSTEMS) -> None:
    """Measure the systems, and print a line for each."""
    contents = exports(rows)
    print(
        f"system ({IMPORTS} imports of {rows:,} rows) | seconds | rows/s | clients | told by event | asked | came back | on record"
    )
    print("---|" * 8)
    for kind in systems:
        with tempfile.TemporaryDirectory() as folder:
            seconds, crowd, found = measure(kind, contents, clients, Path(folder))
        events, asked = crowd.ended.count("event"), crowd.ended.count("asked")
        cells = (
            kind,
            f"{seconds:.1f}",
            f"{IMPORTS * rows / seconds:,.0f}",
            clients,
            events,
            asked,
            crowd.reconnects,
            found,
        )
        print(" | ".join(map(str, cells)), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--systems", nargs="*", default=SYSTEMS, choices=SYSTEMS)
    options = parser.parse_args()
    report(options.rows, options.clients, tuple(options.systems))


if __name__ == "__main__":
    main()
