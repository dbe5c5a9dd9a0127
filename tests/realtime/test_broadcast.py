"""Frames written straight to a connection: a real pair of sockets whose buffer can be filled, and a stand-in for Engine.IO's client."""

from __future__ import annotations

import socket
import threading
from queue import Queue
from types import SimpleNamespace

import pytest
import websocket

from hextrackr.realtime.broadcast import DirectWriter, Rest, text_frame


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.settimeout(5)
    yield ours, theirs
    ours.close()
    theirs.close()


def client(**state):
    return SimpleNamespace(
        **{"upgrading": False, "upgraded": True, "closing": False, "closed": False, "queue": Queue()} | state
    )


def green(connection, lock=None):
    """A websocket as eventlet makes it."""

    def sendall(data):
        connection.setblocking(True)
        connection.sendall(data)
        connection.setblocking(False)

    return SimpleNamespace(socket=SimpleNamespace(fd=connection, sendall=sendall), _sendlock=lock or threading.Lock())


def fill(connection):
    """Write until nothing more fits; return how much did."""
    written = 0
    try:
        while True:
            written += connection.send(b"x" * 65536)
    except BlockingIOError:
        return written


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 200_000])
def test_a_frame_is_what_a_client_reads(pair, size):
    ours, theirs = pair
    message = ("ü" + "x" * size)[:size]
    reader = websocket.WebSocket()
    reader.sock = theirs
    sender = threading.Thread(target=lambda: (ours.setblocking(True), ours.sendall(text_frame(message))))
    sender.start()
    assert reader.recv() == message
    sender.join()


def test_a_frame_is_written_at_once(pair):
    ours, theirs = pair
    lock = threading.Lock()
    writer = DirectWriter.of(client(), green(ours, lock))
    assert writer.send(b"frame")
    assert theirs.recv(100) == b"frame"
    assert not lock.locked()


@pytest.mark.parametrize("state", [{"upgrading": True}, {"upgraded": False}, {"closing": True}, {"closed": True}])
def test_a_client_that_is_not_on_its_websocket_is_served_the_usual_way(pair, state):
    assert not DirectWriter.of(client(**state), green(pair[0])).send(b"frame")


def test_what_waits_goes_first(pair):
    waiting = client()
    waiting.queue.put("a packet")
    assert not DirectWriter.of(waiting, green(pair[0])).send(b"frame")


def test_nothing_is_written_between_the_parts_of_another_frame(pair):
    lock = threading.Lock()
    writer = DirectWriter.of(client(), green(pair[0], lock))
    with lock:
        assert not writer.send(b"frame")
    assert writer.send(b"frame")


def test_a_full_connection_is_left_to_the_usual_way(pair):
    ours, _ = pair
    lock = threading.Lock()
    fill(ours)
    assert not DirectWriter.of(client(), green(ours, lock)).send(b"frame")
    assert not lock.locked()


def test_a_broken_connection_is_left_to_the_usual_way(pair):
    ours, theirs = pair
    theirs.close()
    lock = threading.Lock()
    assert not DirectWriter.of(client(), green(ours, lock)).send(b"frame")
    assert not lock.locked()


def test_the_rest_of_a_frame_follows_before_anything_else(pair):
    ours, theirs = pair
    held = client()
    lock = threading.Lock()
    websocket_ = green(ours, lock)
    writer = DirectWriter.of(held, websocket_)
    frame = text_frame("y" * 5_000_000)  # more than the buffers of the two ends take
    assert writer.send(frame)
    rest = held.queue.get(block=False)
    assert lock.locked() and not writer.send(b"another frame")
    assert rest.encode() is rest

    received = bytearray()
    reader = threading.Thread(
        target=lambda: [received.extend(theirs.recv(1 << 20)) for _ in iter(lambda: len(received) < len(frame), False)]
    )
    reader.start()
    writer.finish(websocket_, rest)
    reader.join()
    assert bytes(received) == frame
    assert not lock.locked() and writer.send(b"another frame")


def test_the_lock_is_let_go_when_the_rest_cannot_be_written(pair):
    ours, theirs = pair
    lock = threading.Lock()
    lock.acquire()
    theirs.close()
    with pytest.raises(OSError):
        DirectWriter.of(client(), green(ours, lock)).finish(green(ours, lock), Rest(b"rest"))
    assert not lock.locked()


def test_only_a_plain_connection_of_green_threads_has_a_writer(pair):
    ours, theirs = pair
    assert DirectWriter.of(None, green(ours)) is None
    assert DirectWriter.of(client(), SimpleNamespace(ws="a websocket of threads")) is None
    assert DirectWriter.of(client(), green(theirs)) is None  # it blocks
    encrypted = SimpleNamespace(send=print, cipher=print, gettimeout=lambda: 0.0)
    assert DirectWriter.of(client(), green(encrypted)) is None
