"""A client of the real server without a browser."""

from __future__ import annotations

import http.client
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import Queue
from typing import Any

from tests.support import sockets
from tests.support.server import Server
from tests.support.waiting import PATIENCE

EVENTS = ("progress-status", "progress-update", "progress-complete", "progress-error")


@dataclass
class Listener:
    """A client that has joined a session: the events that it received, in order, as (name, snapshot)."""

    session_id: str
    client: sockets.Client
    events: Queue[tuple[str, dict[str, Any]]] = field(default_factory=Queue)

    def next_event(self) -> tuple[str, dict[str, Any]]:
        """Wait for the next event."""
        return self.events.get(timeout=PATIENCE)

    def until_the_end(self) -> list[tuple[str, dict[str, Any]]]:
        """All events up to the terminal one."""
        seen: list[tuple[str, dict[str, Any]]] = []
        while not seen or seen[-1][0] not in ("progress-complete", "progress-error"):
            seen.append(self.next_event())
        return seen


@contextmanager
def listening(server: Server, transport: str | list[str] = "websocket") -> Iterator[Listener]:
    """Join a session that does not exist yet."""
    client = sockets.Client(reconnection=False)
    listener = Listener(str(uuid.uuid4()), client)
    for event in EVENTS:
        client.on(event, lambda snapshot, name=event: listener.events.put((name, snapshot)))
    client.connect(server.url, transports=[transport] if isinstance(transport, str) else transport)
    assert client.call("join-progress", listener.session_id) == {"ok": True}
    yield listener
    client.disconnect()


def upload(server: Server, content: bytes, path: str = "import", **fields: str) -> tuple[int, dict[str, Any]]:
    """Post an export and return the status and the response; the whole body is sent before the response is read."""
    body, kind = form(content, **fields)
    connection = http.client.HTTPConnection(server.address, timeout=PATIENCE)
    try:
        connection.request("POST", f"/api/vulnerabilities/{path}", body, {"Content-Type": kind})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def form(content: bytes, **fields: str) -> tuple[bytes, str]:
    """The body of an upload, and its content type."""
    boundary = uuid.uuid4().hex
    parts = [f'--{boundary}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in fields.items()]
    parts.append(f'--{boundary}\r\nContent-Disposition: form-data; name="csvFile"; filename="scan.csv"\r\n\r\n')
    body = "".join(parts).encode() + content + f"\r\n--{boundary}--\r\n".encode()
    return body, f"multipart/form-data; boundary={boundary}"


def get(server: Server, path: str) -> tuple[int, Any]:
    """Send a request to the API."""
    connection = http.client.HTTPConnection(server.address, timeout=PATIENCE)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()
