"""Too many connections, requests that never arrive and a process without file descriptors: a real server."""

from __future__ import annotations

import http.client
import resource
import socket
import time
from contextlib import ExitStack, contextmanager, suppress

import psutil
import pytest

from tests.support.client import get
from tests.support.server import running
from tests.support.waiting import until

pytestmark = pytest.mark.system

SOCKETS = 40
PATIENCE = 40.0
HEADS = {
    "nothing": b"",
    "head": b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ",
    "json": b"POST /api/mappings HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{",
    "polling": b"POST /socket.io/?EIO=4&transport=polling&sid=x HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 50\r\n\r\n4",
    "chunks": b"POST /api/mappings HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1",
}


@pytest.fixture(scope="module", params=["eventlet", "threading"])
def server(request):
    with running(ASYNC_MODE=request.param, SOCKETS_PER_ADDRESS=str(SOCKETS), API_RATE_LIMIT="off") as server:
        yield server


def connect(server, head=b""):
    host, port = server.address.split(":")
    connection = socket.create_connection((host, int(port)), timeout=PATIENCE)
    connection.sendall(head)
    return connection


@pytest.mark.parametrize("kind", HEADS)
def test_clients_that_send_slowly_keep_nobody_of_their_address_out(server, kind):
    with ExitStack() as stack:
        for _ in range(4 * SOCKETS):
            stack.enter_context(connect(server, HEADS[kind]))
        for _ in range(5):
            assert get(server, "/health")[0] == 200


def test_a_body_that_does_not_arrive_ends_its_request_and_is_told_so(server):
    with ExitStack() as stack:
        slow = [stack.enter_context(connect(server, HEADS[kind])) for kind in ("json", "polling", "chunks")]
        answers = []
        for connection in slow:
            connection.settimeout(PATIENCE)
            answers.append(connection.recv(65_536).partition(b"\r\n")[0])
    assert all(answer.startswith(b"HTTP/1.1 400") for answer in answers), answers


CHUNKED = b"POST /api/mappings HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
MALFORMED = [
    b"2\r\n{}\r\n0\r\nno header\r\n\r\n", b"2\r\n{}\r\n0\r\nX\0: y\r\n\r\n", b"2\r\n{}\r\n0\r\n X: y\r\n\r\n",
    b"2\r\n{}\r\n0\r\nContent-Length: 5\r\nX: \r\r\n\r\n",
    b"zz\r\n{}\r\n", b"-2\r\n{}\r\n", b"2\r\n{}xx0\r\n\r\n", b"2;a\rb\r\n{}\r\n0\r\n\r\n", b"2\r\n{}\r\n0\r\nX: y\r\n\r\n",
]  # fmt: skip


@pytest.mark.parametrize("body", MALFORMED)
def test_a_body_that_breaks_the_rules_of_http_is_the_clients_fault(server, body):
    for head in (CHUNKED, CHUNKED.replace(b"/api/mappings", b"/api/vulnerabilities/import-staging")):
        with connect(server, head + body) as connection:
            assert connection.recv(65_536).startswith(b"HTTP/1.1 4")


@contextmanager
def without_descriptors(server):
    """Leave the worker three file descriptors beside those it has, and yield what says whether it has used them up."""
    [worker] = [each for each in psutil.Process(server.pid).children() if "gunicorn" in " ".join(each.cmdline())]
    before, limit = worker.rlimit(resource.RLIMIT_NOFILE), worker.num_fds() + 3
    worker.rlimit(resource.RLIMIT_NOFILE, (limit, before[1]))
    try:
        yield lambda: worker.num_fds() >= limit
    finally:
        worker.rlimit(resource.RLIMIT_NOFILE, before)


def test_a_server_that_has_run_out_of_descriptors_accepts_again_when_there_are_some(server):
    get(server, "/api/imports")
    with without_descriptors(server) as are_used_up, ExitStack() as stack:
        for _ in range(30):
            with suppress(OSError):
                stack.enter_context(connect(server))
        until(are_used_up)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            if get(server, "/health")[0] == 200:
                break
        except (OSError, http.client.HTTPException):
            time.sleep(0.1)
    assert get(server, "/health")[0] == 200
    assert get(server, "/api/imports")[0] == 200


def test_descriptors_are_raised_to_what_the_system_allows(server):
    [worker] = [each for each in psutil.Process(server.pid).children() if "gunicorn" in " ".join(each.cmdline())]
    soft, hard = worker.rlimit(resource.RLIMIT_NOFILE)
    assert soft == min(hard, 65_536)
