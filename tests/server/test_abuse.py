"""Clients that ask for too much, or send nonsense, beside one that imports: a real server in every mode."""

from __future__ import annotations

import http.client
import json
import re
import socket
import struct
import uuid
from contextlib import ExitStack, contextmanager

import pytest
import websocket

from tests.support.client import get, listening, upload
from tests.support.exports import scan
from tests.support.floods import FLOODS, flooded
from tests.support.server import running

pytestmark = pytest.mark.system

LIMIT = 60
EVIL = ("http://evil.example", "null", "http://127.0.0.1:{port}.evil.example")


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    return tmp_path_factory.mktemp("server") / "log"


@pytest.fixture(scope="module")
def server(request, log):
    settings = {
        "ASYNC_MODE": getattr(request, "param", "eventlet"),
        "SOCKETS_PER_ADDRESS": str(LIMIT),
        "TRUSTED_PROXIES": "1",
    }
    with log.open("wb") as stream, running(stream, **settings) as server:
        yield server
    text = log.read_text()
    assert re.findall("(?is)(?:traceback|exception).{,2000}", text) == []
    assert all(len(line) < 300 for line in text.splitlines())


class Client:
    """A client that speaks frames, as no library would."""

    def __init__(self, server, address, connect=True):
        url = server.url.replace("http", "ws") + "/socket.io/?EIO=4&transport=websocket"
        self.ws = websocket.create_connection(url, timeout=20, header=[f"X-Forwarded-For: {address}"])
        assert self.ws.recv().startswith("0{")
        if connect:
            self.ws.send("40")
            assert self.ws.recv().startswith("40{")

    def ask(self, number, *arguments):
        """Send an event and return its acknowledgement; whoever does not answer a ping meanwhile is taken for gone after 45 s."""
        self.ws.send(f"42{number}{json.dumps(arguments)}")
        while not (answer := self.ws.recv()).startswith("43"):
            if answer == "2":
                self.ws.send("3")
        return answer

    def is_cut_off(self):
        """Whether the server ends the connection; what it still sends is read and dropped."""
        try:
            while self.ws.recv():
                pass
        except websocket.WebSocketTimeoutException:
            return False
        except (websocket.WebSocketException, OSError):
            pass
        return True


def frame(head, data):
    """A masked frame of a client (RFC 6455, section 5.2); the mask is zero."""
    size = len(data)
    length = (
        bytes([0x80 | size])
        if size < 126
        else struct.pack("!BH" if size < 65536 else "!BQ", 0xFE | size >> 16 & 1, size)
    )
    return bytes([head]) + length + bytes(4) + data


@contextmanager
def talking(server, address=None, connect=True):
    client = Client(server, address or f"10.1.{uuid.uuid4().int % 250}.{uuid.uuid4().int % 250}", connect)
    try:
        yield client
    finally:
        client.ws.shutdown()


def ask(server, method, path, body=None, **headers):
    """Send one request; the status, the headers and the body of its answer."""
    connection = http.client.HTTPConnection(server.address, timeout=20)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def polling(server, address="10.2.0.1"):
    """Begin a polling session and return its path."""
    path = "/socket.io/?EIO=4&transport=polling"
    status, _, body = ask(server, "GET", path, **{"X-Forwarded-For": address})
    assert status == 200
    return f"{path}&sid={json.loads(body[1:])['sid']}"


@pytest.mark.parametrize("server", ["eventlet", "threading"], indirect=True)
def test_an_import_goes_on_beside_floods_of_every_kind(server):
    with flooded(server, tuple(FLOODS)), listening(server) as listener:
        status, _ = upload(server, scan(range(100), range(60)), "import-staging", sessionId=listener.session_id)
        assert status == 202
        *_, (name, last) = listener.until_the_end()
        assert get(server, "/health")[0] == 200
    assert (name, last["metadata"]["inserted"]) == ("progress-complete", 6_000)


@pytest.mark.parametrize("server", ["eventlet", "threading"], indirect=True)
def test_memory_returns_to_where_it_was(server):
    def visit(network):
        for host in range(8):
            with ExitStack() as stack:
                for _ in range(LIMIT - 10):
                    client = stack.enter_context(talking(server, f"10.{network}.0.{host}"))
                    for _ in range(20):
                        client.ws.send(f'42["join-progress","{uuid.uuid4()}"]')

    visit(10)  # what is made once, and what the collector of garbage lets lie for a while
    before = server.memory()
    visit(11)
    assert server.memory() < before * 1.3


def test_sockets_that_come_and_go_leave_nothing_behind(server):
    def visit(number, network):
        for host in range(number // 50):
            for _ in range(50):
                with talking(server, f"10.{network}.0.{host}") as client:
                    session = str(uuid.uuid4())
                    client.ask(1, "join-progress", session)
                    client.ask(2, "leave-progress", session)

    def growth(network):
        before = server.memory()
        visit(1_500, network)
        return server.memory() - before

    visit(300, 13)  # what is made once
    # MB; 16 where each left 10 kB, every time.
    assert any(growth(network) < 8 for network in (14, 15, 16))


def test_a_socket_watches_so_many_sessions(server):
    with talking(server) as client:
        answers = [client.ask(n, "join-progress", str(uuid.uuid4())) for n in range(60)]
    assert ['"ok":true' in answer for answer in answers] == [True] * 50 + [False] * 10
    assert "TOO_MANY_SESSIONS" in answers[-1]


def test_an_address_has_so_many_sockets_and_another_still_gets_in(server):
    with ExitStack() as stack:
        for _ in range(LIMIT):
            stack.enter_context(talking(server, "10.4.0.1"))
        with pytest.raises(websocket.WebSocketBadStatusException, match="401"):
            Client(server, "10.4.0.1")
        status, _, body = ask(server, "GET", "/socket.io/?EIO=4&transport=polling", **{"X-Forwarded-For": "10.4.0.1"})
        assert (status, json.loads(body)) == (401, "Too many connections from this address.")
        with talking(server, "10.4.0.2"):
            pass


@pytest.mark.parametrize(
    "frames",
    [
        [(0, 1, b"4" + b"x" * 5_000), (0, 0, b"x" * 5_000)],
        [(1, 1, b"4" + b"x" * 70_000)],
        [(1, 1, b"")],
        [(1, 1, b"9")],
        [(1, 1, b"\xff\xfe")],
        [(1, 7, b"no such opcode")],
    ],
    ids=["fragments", "long", "empty", "unknown", "not utf-8", "opcode"],
)
def test_a_message_of_the_wrong_kind_ends_its_connection(server, frames):
    with talking(server) as client:
        for fin, opcode, data in frames:
            try:
                client.ws.sock.sendall(frame(fin << 7 | opcode, data))
            except OSError:
                break
        assert client.is_cut_off()


def test_a_compressed_frame_ends_its_connection(server):
    with talking(server) as client:
        client.ws.sock.sendall(frame(0b1100_0001, b"\x00" * 50))
        assert client.is_cut_off()


NONSENSE = [
    "4", "49", "42", "42[]", "42{}", '42["', "42[1]", "42[null]", '42[["ping"]]', "42" + "[" * 3_000,
    '42["connect"]', '42["disconnect"]', '42["connect_error",{}]', "43[]", '431["x"]', '44{"message":"x"}',
    '459-["ping",{"_placeholder":true,"num":0}]', "461-[]", '4{"a":1}', "4[1]",
]  # fmt: skip


@pytest.mark.parametrize("server", ["eventlet", "threading"], indirect=True)
@pytest.mark.parametrize("message", NONSENSE)
def test_malformed_messages_are_survived_twice(server, message):
    with talking(server) as client:
        client.ws.send(message)
        client.ws.send(message)
        client.ws.send('427["ping"]')
        answers = [client.ws.recv(), client.ws.recv()]
        assert any("pong" in answer for answer in answers)
        client.ws.send(message)
        assert client.is_cut_off()


@pytest.mark.parametrize("body", [b"", b"x", b"\xff", b"9", b"2", b"4" * 9_000, b"\x1e".join([b'42["ping"]'] * 17)])
def test_a_malformed_polling_body_is_refused(server, body):
    path = polling(server, "10.5.0.1")
    assert ask(server, "POST", path, b"40")[0] == 200
    status, _, _ = ask(server, "POST", path, body)
    assert status == (200 if body == b"" else 400)
    assert get(server, "/health")[0] == 200


@pytest.mark.parametrize("server", ["eventlet", "threading"], indirect=True)
def test_a_request_that_never_ends_holds_up_nobody(server):
    host, port = server.address.split(":")
    with ExitStack() as stack:
        for head in (
            b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ",
            b"POST /socket.io/?EIO=4 HTTP/1.1\r\nContent-Length: 50\r\n\r\n4",
        ):
            for _ in range(10):
                connection = stack.enter_context(socket.create_connection((host, int(port)), timeout=20))
                connection.sendall(head)
        assert get(server, "/health")[0] == 200


def test_a_connection_that_is_reset_in_mid_message_is_no_error(server):
    for _ in range(20):
        client = Client(server, "10.6.0.1")
        client.ws.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.ws.sock.sendall(b"\x81\xfe")
        client.ws.sock.close()
    assert get(server, "/health")[0] == 200


@pytest.mark.parametrize("origin", EVIL)
def test_a_foreign_page_gets_no_socket(server, origin):
    origin = origin.format(port=server.address.split(":")[1])
    assert ask(server, "GET", "/socket.io/?EIO=4&transport=polling", Origin=origin)[0] == 400
    with pytest.raises(websocket.WebSocketBadStatusException, match="400"):
        url = server.url.replace("http", "ws") + "/socket.io/?EIO=4&transport=websocket"
        websocket.create_connection(url, timeout=20, origin=origin)
    assert ask(server, "POST", "/api/imports/1/cancel", Origin=origin)[0] == 403


@pytest.mark.parametrize(
    "path", ["/imports", "/api/imports", "/api/nothing", "/nothing", "/health", "/static/styles/base.css",
             "/socket.io/?EIO=4&transport=polling", "/socket.io/?EIO=3&transport=polling"]
)  # fmt: skip
def test_every_answer_has_the_security_headers(server, path):
    _, headers, _ = ask(server, "GET", path)
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "same-origin"


def test_a_server_that_is_asked_under_another_name_does_not_answer(server):
    for path in ("/imports", "/api/imports", "/socket.io/?EIO=4&transport=polling"):
        assert ask(server, "GET", path, Host="evil.example")[0] == 421
