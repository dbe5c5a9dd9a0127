"""One event to many clients on real servers: with the broadcast of ours and without it, in every mode, all see the same."""

from __future__ import annotations

import json
import time
import uuid
from contextlib import ExitStack
from urllib.request import Request, urlopen

import pytest
import websocket

from tests.support.client import listening, upload
from tests.support.exports import scan
from tests.support.server import running

pytestmark = pytest.mark.system

KINDS = ("websocket", "polling", ["polling", "websocket"])


@pytest.fixture(
    scope="module",
    params=[("eventlet", "on"), ("eventlet", "off"), ("threading", "on")],
    ids=" ".join,
)
def server(request):
    mode, broadcast = request.param
    settings = {"ASYNC_MODE": mode, "FAST_BROADCAST": broadcast}
    with running(app="tests.support.instrumented_app:app", **settings) as server:
        yield server


def emit(server, session, count, every=0):
    url = f"{server.url}/benchmark/emit?session={session}&count={count}&every={every}"
    urlopen(Request(url, method="POST"), timeout=10).read()


def join(server, session, timeout=20):
    """A websocket that is spoken without a library, so that the test decides when it reads."""
    client = websocket.create_connection(
        server.url.replace("http", "ws") + "/socket.io/?EIO=4&transport=websocket", timeout=timeout
    )
    client.recv()
    client.send("40")
    client.recv()
    client.send(f'421["join-progress","{session}"]')
    while not client.recv().startswith("431"):
        pass
    return client


def numbers(client, until):
    """The numbers of the updates that a client reads, up to one."""
    seen = []
    while not seen or seen[-1] != until:
        message = client.recv()
        if message.startswith('42["progress-update"'):
            seen.append(json.loads(message[2:])[1]["n"])
    return seen


def test_watchers_on_every_transport_see_the_same_of_an_import(server):
    with ExitStack() as stack:
        first, *others = [stack.enter_context(listening(server, kind)) for kind in KINDS for _ in range(2)]
        for other in others:  # all watch the session of the first
            other.client.call("join-progress", first.session_id)
        upload(server, scan(range(60), range(50)), "import-staging", sessionId=first.session_id)
        seen = [each.until_the_end() for each in (first, *others)]
    for events in seen:
        assert events == seen[0]
        sequence = [snapshot["metadata"]["sequence"] for _, snapshot in events if "sequence" in snapshot["metadata"]]
        assert sequence == sorted(sequence)
        progress = [snapshot["progress"] for _, snapshot in events]
        assert progress == sorted(progress) and progress[-1] == 100


def test_every_update_arrives_in_order_also_beside_answers_and_pings(server):
    session = str(uuid.uuid4())
    clients = [join(server, session) for _ in range(20)]
    emit(server, session, 200, every=2)
    for client in clients:
        client.send('427["ping"]')
    for client in clients:
        assert numbers(client, 199) == list(range(200))
        client.close()


def test_a_client_that_does_not_read_is_cut_off_and_another_misses_nothing(server):
    session = str(uuid.uuid4())
    slow, quick = join(server, session), join(server, session)
    before = server.memory()
    for _ in range(100):  # far more than the buffers of a connection hold; each time fewer than may wait for a client
        emit(server, session, 200)
        assert numbers(quick, 199) == list(range(200))
    assert server.memory() < before + 20
    quick.close()
    deadline = time.monotonic() + 20
    with pytest.raises((websocket.WebSocketException, OSError)):
        while time.monotonic() < deadline:
            slow.recv()
