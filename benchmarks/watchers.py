"""Thousands of websocket clients in one process: as little Python as possible for each message, so that the server is what is measured."""

from __future__ import annotations

import base64
import multiprocessing
import os
import re
import resource
import select
import socket
import struct
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

_FIELDS = re.compile(rb'"n":(\d+),"at":(\d+)')
_UPDATE = b'42["progress-update"'


@dataclass
class Seen:
    """What the clients of one process saw: delays in µs, messages out of order, and how long the connects took, in seconds."""

    delays: list[int] = field(default_factory=list)
    disorder: int = 0
    connected: float = 0.0


class Watcher:
    """One client: what has arrived of a frame that is not whole, and the last number."""

    __slots__ = ("buffer", "connection", "last")

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.buffer = b""
        self.last = -1


def raise_file_limit() -> None:
    """Allow as many open connections as the system lets us."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def masked(message: str) -> bytes:
    """A short text frame of a client; the mask is zero (RFC 6455, section 5.2)."""
    data = message.encode()
    return struct.pack("!BB", 0x81, 0x80 | len(data)) + bytes(4) + data


def connect(address: str, session: str) -> Watcher:
    """Open a websocket, complete the connect of Socket.IO, and join the session."""
    host, port = address.split(":")
    connection = socket.create_connection((host, int(port)), timeout=60)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    key = base64.b64encode(os.urandom(16)).decode()
    connection.sendall(
        f"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    watcher = Watcher(connection)
    _until(watcher, b"\r\n\r\n")
    _until(watcher, b'"sid"')
    connection.sendall(masked("40"))
    _until(watcher, b"40{")
    connection.sendall(masked(f'421["join-progress","{session}"]'))
    _until(watcher, b"431[")
    watcher.buffer = b""
    return watcher


def _until(watcher: Watcher, what: bytes) -> None:
    while what not in watcher.buffer:
        data = watcher.connection.recv(4096)
        if not data:
            raise ConnectionError(f"the server closed: {watcher.buffer[:200]!r}")
        watcher.buffer += data
    watcher.buffer = watcher.buffer.split(what, 1)[1]


def frames(watcher: Watcher) -> list[bytes]:
    """The whole messages in the buffer; the rest stays there."""
    buffer, place, found = watcher.buffer, 0, []
    while len(buffer) - place >= 2:
        size, head = buffer[place + 1], 2
        if size == 126:
            if len(buffer) - place < 4:
                break
            size, head = int.from_bytes(buffer[place + 2 : place + 4], "big"), 4
        if len(buffer) - place < head + size:
            break
        found.append(buffer[place + head : place + head + size])
        place += head + size
    watcher.buffer = buffer[place:]
    return found


def watch(address: str, session: str, count: int, pipe: Connection) -> None:
    """Connect ``count`` clients, say so, and take down what arrives until told to stop."""
    raise_file_limit()
    seen = Seen()
    began = time.monotonic()
    watchers = [connect(address, session) for _ in range(count)]
    seen.connected = time.monotonic() - began
    by_number = {watcher.connection.fileno(): watcher for watcher in watchers}
    poll = select.epoll()
    for number, watcher in by_number.items():
        watcher.connection.setblocking(False)
        poll.register(number, select.EPOLLIN)
    pipe.send("ready")
    while not pipe.poll():
        for number, _ in poll.poll(0.2):
            _take(by_number[number], seen)
    pipe.recv()
    pipe.send(seen)
    for watcher in watchers:
        watcher.connection.close()


def _take(watcher: Watcher, seen: Seen) -> None:
    watcher.buffer += watcher.connection.recv(65536)
    now = time.time_ns() // 1000
    for message in frames(watcher):
        if message == b"2":
            watcher.connection.sendall(masked("3"))
        elif message.startswith(_UPDATE):
            found = _FIELDS.search(message, 20, 80)
            assert found is not None
            number = int(found[1])
            seen.disorder += number != watcher.last + 1
            watcher.last = number
            seen.delays.append(now - int(found[2]))


class Audience:
    """Watchers in several processes."""

    def __init__(self, address: str, session: str, clients: int, processes: int = 2) -> None:
        context: Any = multiprocessing.get_context("spawn")
        self._pipes = []
        self._processes = []
        for number in range(processes):
            ours, theirs = context.Pipe()
            share = clients // processes + (number < clients % processes)
            process = context.Process(target=watch, args=(address, session, share, theirs), daemon=True)
            process.start()
            self._pipes.append(ours)
            self._processes.append(process)
        for pipe in self._pipes:
            pipe.recv()

    def leave(self) -> list[Seen]:
        """End the clients and return what they saw."""
        for pipe in self._pipes:
            pipe.send("stop")
        seen = [pipe.recv() for pipe in self._pipes]
        for process in self._processes:
            process.join()
        return seen
