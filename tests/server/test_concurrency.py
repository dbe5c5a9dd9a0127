"""Many at once: imports, watchers, readers, and uploads that break off."""

from __future__ import annotations

import json
import socket
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from tests.support.client import form, get, listening, upload
from tests.support.exports import scan
from tests.support.floods import connected
from tests.support.server import running

pytestmark = pytest.mark.system

WATCHERS = 200


@pytest.fixture(scope="module")
def server():
    with running(API_RATE_LIMIT="off") as server:
        yield server


def test_two_hundred_watch_one_import_and_all_see_its_end(server):
    session = str(uuid.uuid4())
    with ExitStack() as stack:
        watchers = [connected(server) for _ in range(WATCHERS)]
        for watcher in watchers:
            stack.callback(watcher.shutdown)
            watcher.send(f'421["join-progress","{session}"]')
            assert watcher.recv() == '431[{"ok":true}]'
        status, _ = upload(server, scan(range(50), range(100)), "import-staging", sessionId=session, source="watched")
        assert status == 202
        seen = [_until_the_end(watcher) for watcher in watchers]
    assert all(sequences == sorted(set(sequences)) for sequences in seen)
    assert len({sequences[-1] for sequences in seen}) == 1


def _until_the_end(watcher):
    """The sequence numbers of all events up to the last."""
    sequences = []
    while True:
        message = watcher.recv()
        if not message.startswith("42"):
            continue
        name, snapshot = json.loads(message[2:])
        sequences.append(snapshot["metadata"]["sequence"])
        if name == "progress-complete":
            return sequences


def test_the_same_file_twice_at_once_is_imported_once_and_found_unchanged_once(server):
    content = scan(range(30), range(100))
    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(lambda _: upload(server, content, source="twins"), range(2)))
    figures = sorted((answer["inserted"], answer["unchanged"]) for _, answer in answers)
    assert figures == [(0, 3_000), (3_000, 0)]


def test_ten_imports_at_once_end_with_their_own_figures(server):
    sizes = {f"office {n}": n for n in range(45, 55)}
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda name: upload(server, scan(range(sizes[name]), range(100)), source=name), sizes))
    assert [answer["inserted"] for _, answer in answers] == [size * 100 for size in sizes.values()]


def test_readers_see_the_state_before_or_after_and_none_between(server):
    upload(server, scan(range(100), range(60)), source="read")
    before = _open_findings(server)
    seen, over = [], threading.Event()

    def read():
        while not over.is_set():
            seen.append(_open_findings(server))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        _, answer = upload(server, scan(range(50, 150), range(60)), source="read", confirm="true")
    finally:
        over.set()
        reader.join()
    after = _open_findings(server)
    assert (answer["inserted"], answer["resolved"], after) == (3_000, 3_000, before)
    total = get(server, "/api/vulnerabilities/stats")[1]["total"]
    assert set(seen) == {before}
    assert total == get(server, "/api/vulnerabilities?limit=1")[1]["pagination"]["total"]


def _open_findings(server):
    _, stats = get(server, "/api/vulnerabilities/stats")
    assert stats["open"] == sum(stats["bySeverity"].values())
    return stats["open"]


def test_uploads_that_break_off_leave_nothing(server):
    host, port = server.address.split(":")
    imports = get(server, "/api/imports")[1]["pagination"]["total"]
    body, kind = form(scan(range(50), range(100)))
    fields = f"Host: 127.0.0.1\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}"
    head = f"POST /api/vulnerabilities/import-staging HTTP/1.1\r\n{fields}\r\n\r\n"
    for turn in range(100):
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            connection.sendall(head.encode() + body[: len(body) * turn // 100])
            connection.shutdown(socket.SHUT_WR)
            assert connection.recv(100).startswith(b"HTTP/1.1 400")
    assert get(server, "/api/imports")[1]["pagination"]["total"] == imports
    assert list((server.instance / "uploads").iterdir()) == []


@pytest.mark.parametrize("transport", [["polling", "websocket"], ["polling"], ["websocket"]], ids="-".join)
def test_who_comes_late_or_changes_its_transport_gets_the_end(server, transport):
    with listening(server, transport) as listener:
        _, answer = upload(
            server, scan(range(5)), "import-staging", sessionId=listener.session_id, source="-".join(transport)
        )
        *_, (name, _) = listener.until_the_end()
    assert name == "progress-complete"
    late = connected(server)
    late.send(f'42["join-progress","{listener.session_id}"]')
    event, snapshot = json.loads(late.recv()[2:])
    late.shutdown()
    assert (event, snapshot["status"], snapshot["metadata"]["importId"]) == (
        "progress-status",
        "completed",
        answer["importId"],
    )
