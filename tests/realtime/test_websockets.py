"""Bounded websockets, around stand-ins for those of the two libraries."""

from __future__ import annotations

import socket
from types import SimpleNamespace

import engineio
import pytest

from hextrackr.realtime.client_limits import SocketLimits
from hextrackr.realtime.websockets import BoundedWebSocket, BoundedWebSockets

LIMITS = SocketLimits(message_bytes=100, fragments=4, frames_per_second=10, frames_burst=5)


class Message:
    """A message in the making, as a library that reads when it is asked keeps it."""

    def __init__(self):
        self.data = []

    def push(self, data, final=False):
        self.data.append(data)


class ReadsWhenAsked:
    """Each entry of ``incoming`` is one message, as its fragments."""

    Message = Message

    def __init__(self, *incoming, socket="the connection"):
        self.incoming = list(incoming)
        self.socket = socket

    def close(self):
        pass

    def wait(self):
        if not self.incoming:
            return None
        message = self.Message()
        for fragment in self.incoming.pop(0):
            message.push(fragment)
        return b"".join(message.data).decode()


class ReadsAhead:
    """A websocket whose thread has put ``messages`` into its buffer."""

    def __init__(self, *messages, socket="the connection"):
        connection = SimpleNamespace(receive_data=self.parse)
        self.ws = SimpleNamespace(input_buffer=list(messages), max_message_size=None, ws=connection, sock=socket)

    def parse(self, data):
        self.ws.input_buffer.append(data.decode())

    def wait(self):
        return self.ws.input_buffer.pop(0) if self.ws.input_buffer else None


def bounded(websocket):
    slept, complaints = [], []
    return BoundedWebSocket(websocket, LIMITS, slept.append, complaints.append), slept, complaints


@pytest.mark.parametrize("websocket", [ReadsWhenAsked([b"2probe"], [b"4", b"0"]), ReadsAhead("2probe", "40")])
def test_sound_messages_pass(websocket):
    client, slept, complaints = bounded(websocket)
    assert [client.wait(), client.wait(), client.wait()] == ["2probe", "40", None]
    assert (slept, complaints) == ([], [])


@pytest.mark.parametrize(
    "fragments",
    [[b"4" + b"x" * 100], [b"4" * 60, b"x" * 60], [b"4", *[b""] * 10]],
    ids=["long", "in pieces", "empty pieces"],
)
def test_a_whole_message_is_bounded(fragments):
    client, _, complaints = bounded(ReadsWhenAsked(fragments, [b"40"]))
    assert client.wait() is None
    assert complaints == ["a message that is too long"]


def test_fragments_and_messages_wait_for_their_turn():
    client, slept, _ = bounded(ReadsWhenAsked(*[[b"3"]] * 7))
    assert [client.wait() for _ in range(7)] == ["3"] * 7
    assert len(slept) == 2


@pytest.mark.parametrize(
    "websocket",
    [lambda end: ReadsWhenAsked([b"41"], [b"42"], socket=end), lambda end: ReadsAhead("41", "42", socket=end)],
    ids=["when asked", "ahead"],
)
def test_what_a_client_asked_before_it_left_is_not_done(websocket):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        visitor = socket.create_connection(listener.getsockname())
        with listener.accept()[0] as end, visitor:
            client, _, complaints = bounded(websocket(end))
            visitor.sendall(b"something that is not read yet")
            assert client.wait() == "41"
            visitor.close()
            assert client.wait() is None
            assert complaints == []


@pytest.mark.parametrize("message", ["", "x", "9"])
def test_what_is_not_engine_io_ends_the_connection(message):
    client, _, complaints = bounded(ReadsAhead(message, "40"))
    assert client.wait() is None
    assert len(complaints) == 1


def test_a_thread_that_reads_ahead_waits_by_what_it_has_read():
    websocket = ReadsAhead()
    _, slept, _ = bounded(websocket)
    for _ in range(7):
        websocket.ws.ws.receive_data(b"3")
    assert len(slept) == 2
    websocket.ws.ws.receive_data(b"4" + b"x" * 500)
    assert slept[-1] > 0.8
    assert len(websocket.ws.input_buffer) == 8


def test_a_client_that_is_ahead_of_its_turns_is_bounded_in_memory():
    websocket = ReadsAhead(*["3"] * 50)
    client, _, complaints = bounded(websocket)
    assert websocket.ws.max_message_size == 100
    assert client.wait() is None
    assert complaints == ["more messages than can be read"]


def test_everything_else_is_the_librarys():
    client, _, _ = bounded(ReadsWhenAsked())
    assert client.socket == "the connection"


def test_each_connection_is_served_bounded_and_complains_by_address():
    """By Engine.IO itself: this takes the place of its own way to its websockets."""
    complaints = []

    def library(handler, _server):
        def application(_environ, _start_response):
            connection, other = socket.socketpair()
            with connection, other:
                websocket = ReadsAhead("nonsense", socket=connection)
                websocket.send, websocket.close = [].append, connection.close
                handler(websocket)
            return []

        return application

    server = engineio.Server(async_mode="threading")
    server._async["websocket"] = library
    BoundedWebSockets(server, LIMITS, [].append, lambda address, what: complaints.append((address, what)))
    query = {"QUERY_STRING": "EIO=4&transport=websocket", "HTTP_CONNECTION": "Upgrade", "HTTP_UPGRADE": "websocket"}
    server.handle_request({"REQUEST_METHOD": "GET", "REMOTE_ADDR": "10.0.0.1", **query}, lambda *_: None)
    assert complaints == [("10.0.0.1", "a message that is not Engine.IO")]


def test_a_connection_is_closed_once_by_whoever_closes_it():
    """The library writes an error into the log where it closes what is closed."""
    closed = []
    with socket.socket() as connection:
        websocket = ReadsWhenAsked(socket=connection)
        websocket.close = lambda **reason: (closed.append(reason), connection.close())
        client, _, _ = bounded(websocket)
        client.close()
        websocket.close(close_data=(1011, "Internal Server Error"))
    assert closed == [{}]
