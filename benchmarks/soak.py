"""What a server still holds after long use: sockets that came and went, what watchers were told of imports, and requests.

    python -m benchmarks.soak                 30,000 sockets, the events of 5,000 imports, 10,000 requests
    python -m benchmarks.soak --share 0.01    a hundredth of that

Prints the memory of the web process (resident set size) before, at the most, and afterwards; the first hundredth comes before all that,
so that what is made once is there.
"""

from __future__ import annotations

import argparse
import http.client
import multiprocessing
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, wait

import psutil

from tests.support.floods import connected
from tests.support.server import Server, running

SOCKETS, IMPORTS, REQUESTS = 30_000, 5_000, 10_000
PATHS = (
    "/",
    "/vulnerabilities",
    "/imports",
    "/api/vulnerabilities",
    "/api/imports",
    "/api/sources",
    "/health",
    "/nothing",
)
#: Imports that a socket watches at a time, and updates of each.
AT_A_TIME, UPDATES = 50, 10
#: The server is asked by so many processes of each kind; each has its part of the work.
PROCESSES = 2
#: Seconds until what is closed is closed for the server as well.
REST = 60


def open_sockets(server: Server, count: int) -> int:
    """Open sockets, join a session with each, and close them, some without a word and some before they are answered."""
    for number in range(count):
        connection = connected(server)
        connection.send(f'421["join-progress","{uuid.uuid4()}"]')
        if number % 3:
            connection.recv()
        if number % 2:
            connection.close()
        else:
            connection.shutdown()  # type: ignore[no-untyped-call]
    return count


def watch_imports(server: Server, count: int) -> int:
    """Follow what the server tells of so many imports, as many at a time as one socket may watch; how many events there were."""
    events = 0
    for first in range(0, count, AT_A_TIME):
        connection, http_client = connected(server), http.client.HTTPConnection(server.address, timeout=60)
        expected = min(AT_A_TIME, count - first)
        for session in [str(uuid.uuid4()) for _ in range(expected)]:
            connection.send(f'42["join-progress","{session}"]')
            http_client.request("POST", f"/benchmark/operation?session={session}&updates={UPDATES}")
            answer = http_client.getresponse()
            body = answer.read()
            if answer.status != 200:
                raise RuntimeError(f"{answer.status} {body.decode()}")
        while expected:
            frame = connection.recv()
            if frame == "2":  # a ping
                connection.send("3")
            events += '"progress-' in frame
            expected -= '"status":"completed"' in frame  # told to the room, or to who joins after the end
        connection.close()
        http_client.close()
    return events


def ask(server: Server, count: int) -> int:
    """Ask for pages and figures."""
    connection = http.client.HTTPConnection(server.address, timeout=60)
    for number in range(count):
        connection.request("GET", PATHS[number % len(PATHS)])
        connection.getresponse().read()
    connection.close()
    return count


def web_process(server: Server) -> psutil.Process:
    """The process that serves: a child of gunicorn's first one."""
    children = psutil.Process(server.pid).children()
    return next(child for child in children if "gunicorn" in " ".join(child.cmdline()))


def work(server: Server, share: float, look: Callable[[], object] = lambda: None) -> dict[str, int]:
    """Do this share of everything, all kinds at once; how many sockets, events and answers there were."""
    kinds = {open_sockets: SOCKETS, watch_imports: IMPORTS, ask: REQUESTS}
    with ProcessPoolExecutor(len(kinds) * PROCESSES, multiprocessing.get_context("spawn")) as pool:
        begun = {
            kind.__name__: [pool.submit(kind, server, round(count * share / PROCESSES)) for _ in range(PROCESSES)]
            for kind, count in kinds.items()
        }
        waiting = {future for futures in begun.values() for future in futures}
        while waiting:
            waiting = wait(waiting, timeout=1).not_done
            look()
        return {kind: sum(future.result() for future in futures) for kind, futures in begun.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--mode", default="eventlet", choices=("eventlet", "threading"))
    options = parser.parse_args()
    settings = {"ASYNC_MODE": options.mode, "SOCKETS_PER_ADDRESS": "9000", "API_RATE_LIMIT": "off"}
    with running(app="tests.support.instrumented_app:app", **settings) as server:
        process, most = web_process(server), [0.0]

        def held() -> float:
            megabytes: float = process.memory_info().rss / 1e6
            most[0] = max(most[0], megabytes)
            return megabytes

        work(server, 0.01)
        before, began = held(), time.monotonic()
        done = work(server, options.share, held)
        took = time.monotonic() - began
        at_the_end = held()
        time.sleep(REST)
        sockets, events, answers = done.values()
        print(f"{sockets} sockets, {events} events of imports and {answers} answers in {took:.0f} s")
        print(
            f"before {before:.0f} MB, at the most {most[0]:.0f}, at the end {at_the_end:.0f}, after {REST} s {held():.0f}"
        )
        print(f"more than before: {held() - before:.1f} MB")


if __name__ == "__main__":
    main()
