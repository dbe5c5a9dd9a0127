"""What clients that flood the server cost those that do not.

Floods of each kind run in processes of their own beside an import whose events one client follows; another asks ``/health``.

    python -m benchmarks.abuse
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.synchronize import Event
from pathlib import Path

import websocket

from .exports import Estate, write
from .server import Server, running
from .watching import measure


def _fragment(connection: websocket.WebSocket) -> None:
    connection.send_frame(websocket.ABNF(0, 0, 0, 0, 0, 1, b""))


#: What a client of each kind sends over and over.
FLOODS: dict[str, Callable[[websocket.WebSocket], object]] = {
    "events": lambda connection: connection.send('42["ping"]'),
    "joins": lambda connection: connection.send(f'42["join-progress","{uuid.uuid4()}"]'),
    "malformed": lambda connection: connection.send("42[["),
    "control frames": lambda connection: connection.ping("x" * 100),
    "fragments": _fragment,
    "long messages": lambda connection: connection.send("4" * 60_000),
}


def connected(server: Server) -> websocket.WebSocket:
    """A websocket that has completed its connect and speaks whatever one makes it say."""
    url = server.url.replace("http", "ws") + "/socket.io/?EIO=4&transport=websocket"
    connection = websocket.create_connection(url, timeout=20)
    connection.recv()
    connection.send("40")
    connection.recv()
    return connection


def flood(server: Server, kind: str, over: Event) -> None:
    """Send what there is of this kind as fast as it goes; connect again when cut off, twenty times a second at the most."""
    while not over.is_set():
        try:
            connection = connected(server)
            while not over.is_set():
                FLOODS[kind](connection)
        except (websocket.WebSocketException, OSError):
            time.sleep(0.05)


@contextmanager
def flooded(server: Server, kinds: tuple[str, ...]) -> Iterator[None]:
    """Keep up one flood of each kind."""
    context = multiprocessing.get_context("spawn")
    over = context.Event()
    floods = [context.Process(target=flood, args=(server, kind, over), daemon=True) for kind in kinds]
    for process in floods:
        process.start()
    try:
        yield
    finally:
        over.set()
        for process in floods:
            process.join(5)
            process.kill()
            process.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--mode", default="eventlet", choices=("eventlet", "threading", "gevent"))
    options = parser.parse_args()
    print(f"{'flood':16}{'import':>10}{'longest silence':>18}{'health median':>16}{'health max':>12}{'memory':>10}")
    kinds = {"none": (), **{kind: (kind,) for kind in FLOODS}, "all at once": tuple(FLOODS), "none again": ()}
    with tempfile.TemporaryDirectory() as folder, running(ASYNC_MODE=options.mode) as server:
        path = Path(folder) / "scan.csv"
        with path.open("w", encoding="utf-8", newline="") as stream:
            write(stream, Estate(options.rows))
        measure(server, path)
        for name, floods in kinds.items():
            with flooded(server, floods):
                time.sleep(2)
                seen = measure(server, path)
            health = sorted(seen.answers["/health"])
            line = f"{name:16}{seen.took:>8.2f} s{seen.silence * 1000:>15.0f} ms{health[len(health) // 2] * 1000:>13.1f} ms"
            print(f"{line}{health[-1] * 1000:>9.1f} ms{server.memory():>7.0f} MB")


if __name__ == "__main__":
    main()
