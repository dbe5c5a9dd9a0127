"""Clients that flood a server, each in a process of its own."""

from __future__ import annotations

import multiprocessing
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.synchronize import Event

import websocket

from tests.support.server import Server


def _fragment(connection: websocket.WebSocket) -> None:
    connection.send_frame(websocket.ABNF(0, 0, 0, 0, 0, 1, b""))


#: What a client of each kind sends repeatedly.
FLOODS: dict[str, Callable[[websocket.WebSocket], object]] = {
    "events": lambda connection: connection.send('42["ping"]'),
    "joins": lambda connection: connection.send(f'42["join-progress","{uuid.uuid4()}"]'),
    "malformed": lambda connection: connection.send("42[["),
    "control frames": lambda connection: connection.ping("x" * 100),
    "fragments": _fragment,
    "long messages": lambda connection: connection.send("4" * 60_000),
}


def connected(server: Server) -> websocket.WebSocket:
    """A websocket that has completed its connect, and sends whatever a test wants."""
    url = server.url.replace("http", "ws") + "/socket.io/?EIO=4&transport=websocket"
    connection = websocket.create_connection(url, timeout=20)
    connection.recv()
    connection.send("40")
    connection.recv()
    return connection


def flood(server: Server, kind: str, over: Event) -> None:
    """Send the messages of this kind as fast as possible; connect again when cut off, at most twenty times a second."""
    while not over.is_set():
        try:
            connection = connected(server)
            while not over.is_set():
                FLOODS[kind](connection)
        except (websocket.WebSocketException, OSError):
            time.sleep(0.05)


@contextmanager
def flooded(server: Server, kinds: tuple[str, ...]) -> Iterator[None]:
    """Run one flood of each kind."""
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
