"""When clients are sent their pings."""

from __future__ import annotations

import gc
import time
import weakref

import engineio
import pytest

from hextrackr.realtime.pings import Pings


@pytest.fixture
def server():
    return engineio.Server(async_mode="threading", ping_interval=25, ping_timeout=20)


@pytest.fixture
def now():
    return [1_000.0]


@pytest.fixture
def pings(server, now, monkeypatch):
    tasks = []
    monkeypatch.setattr(server, "start_background_task", lambda target, *_: tasks.append(target))
    pings = Pings(server, lambda _: None, lambda: now[0])
    pings.tasks = tasks
    return pings


def client(server, name="a"):
    socket = engineio.socket.Socket(server, name)
    socket.schedule_ping()
    return socket


def sent(socket):
    packets = []
    while not socket.queue.empty():
        packets.append(socket.queue.get().packet_type)
    return packets


def test_each_client_is_pinged_after_the_interval(server, pings, now):
    first = client(server)
    now[0] += 10
    second = client(server)
    assert pings.send_due() == 15
    now[0] += 15
    assert pings.send_due() == 10
    assert (sent(first), sent(second)) == ([engineio.packet.PING], [])
    now[0] += 10
    pings.send_due()
    assert sent(second) == [engineio.packet.PING]
    assert len(pings.tasks) == 1  # one for all


def test_a_client_that_answers_is_pinged_again(server, pings, now):
    socket = client(server)
    for _ in range(3):
        now[0] += 25
        pings.send_due()
        assert sent(socket) == [engineio.packet.PING]
        socket.receive(engineio.packet.Packet(engineio.packet.PONG))


def test_a_client_that_has_left_is_held_by_nothing(server, pings, now):
    socket = client(server)
    known = weakref.ref(socket)
    gc.disable()
    try:
        del socket
        assert known() is None
    finally:
        gc.enable()
    now[0] += 25
    pings.send_due()


@pytest.mark.parametrize("ahead", [3_600, -3_600])
def test_a_clock_that_is_set_ends_no_connection(server, pings, now, monkeypatch, ahead):
    socket = client(server)
    now[0] += 25
    pings.send_due()
    wall = time.time
    monkeypatch.setattr(time, "time", lambda: wall() + ahead)
    assert socket.check_ping_timeout()
    socket.last_ping -= 21
    assert not socket.check_ping_timeout()
