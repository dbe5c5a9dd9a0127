"""The limits of clients, between an Engine.IO and a Socket.IO that only note what they are asked."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest

from hextrackr.realtime.client_limits import ClientLimits, SocketLimits

LIMITS = SocketLimits(sockets_per_address=3, events_burst=5, events_per_second=10, faults=2, connect_seconds=20)


class World:
    """A clock, a server and what happened to it."""

    def __init__(self):
        self.now, self.slept, self.dispatched, self.closed, self.connected = 0.0, [], [], [], set()
        self.meanwhile = lambda: None
        handlers = {
            "connect": lambda sid, environ: None,
            "message": self.dispatch,
            "disconnect": lambda sid, reason: None,
        }
        self.engine = SimpleNamespace(handlers=handlers, sockets={}, on=handlers.__setitem__)
        manager = SimpleNamespace(
            sid_from_eio_sid=lambda sid, namespace: sid if sid in self.connected else None,
            is_connected=lambda sid, namespace: True,
        )
        server = SimpleNamespace(eio=self.engine, manager=manager, start_background_task=lambda task: None)
        self.client_limits = ClientLimits(server, LIMITS, self.sleep, lambda: self.now)

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.meanwhile()

    def dispatch(self, sid, data):
        if data == "nonsense":
            raise ValueError("nonsense")
        self.dispatched.append(data)

    def connect(self, sid, address="10.0.0.1"):
        self.engine.sockets[sid] = SimpleNamespace(close=lambda wait: self.leave(sid))
        return self.engine.handlers["connect"](sid, {"REMOTE_ADDR": address})

    def leave(self, sid):
        self.closed.append(sid)
        self.engine.handlers["disconnect"](sid, "gone")

    def say(self, sid, data):
        self.engine.handlers["message"](sid, data)


@pytest.fixture
def world():
    return World()


def test_an_address_has_so_many_sockets_and_others_are_not_concerned(world):
    assert [world.connect(str(n)) for n in range(3)] == [None] * 3
    assert "Too many connections" in world.connect("4th")
    assert world.connect("other", "10.0.0.2") is None


def test_a_socket_that_leaves_makes_room_but_not_for_any_number_of_new_ones(world):
    for n in range(3):
        world.connect(str(n))
        world.leave(str(n))
    assert "Too many connections" in world.connect("at once")
    world.now += LIMITS.reconnect_seconds
    assert world.connect("later") is None


def test_a_client_that_talks_too_fast_is_read_later_and_loses_nothing(world):
    world.connect("a")
    for n in range(8):
        world.say("a", str(n))
    assert world.dispatched == list("01234567")
    assert [round(wait, 3) for wait in world.slept] == [0, 0, 0, 0, 0, 0.1, 0.2, 0.3]


def test_before_each_message_the_other_clients_have_their_turn(world):
    world.connect("a")
    for n in range(3):
        world.say("a", str(n))
        assert len(world.slept) == len(world.dispatched) == n + 1
    assert world.slept == [0, 0, 0]


def test_what_a_client_has_asked_before_it_left_is_not_done(world):
    world.connect("a")
    world.meanwhile = lambda: world.leave("a")
    world.say("a", "too late")
    assert world.dispatched == []


def test_nonsense_is_noted_once_each_and_ends_the_socket_after_a_while(world, caplog):
    world.connect("a")
    world.connected.add("a")
    with caplog.at_level(logging.WARNING):
        world.say("a", "nonsense")
        assert world.closed == []
        world.say("a", "nonsense")
        world.say("a", "nonsense")
    assert world.closed == ["a"]
    assert len(caplog.records) == 2
    assert "10.0.0.1" in caplog.text and "nonsense" in caplog.text


def test_nonsense_before_the_connect_is_complete_ends_the_socket_at_once(world):
    world.connect("a")
    world.say("a", "nonsense")
    assert world.closed == ["a"]


def test_a_flood_of_complaints_does_not_fill_the_log(world, caplog):
    with caplog.at_level(logging.WARNING):
        for n in range(1000):
            world.connect(str(n))
    assert len(caplog.records) < 30
    world.now += 60
    with caplog.at_level(logging.WARNING):
        world.client_limits.report("10.0.0.1", "one more")
    assert "(978 times)" in caplog.messages[-1]


def test_who_never_completes_the_connect_is_closed(world):
    world.connect("in time")
    world.connect("never")
    world.connected.add("in time")
    world.client_limits.sweep()
    assert world.closed == []
    world.now += LIMITS.connect_seconds + 1
    world.client_limits.sweep()
    assert world.closed == ["never"]


def test_nothing_is_kept_of_those_who_have_left(world):
    for n in range(50):
        world.connect(str(n), f"10.0.0.{n}")
        world.leave(str(n))
    world.now += 3600
    world.client_limits.sweep()
    assert (world.client_limits._clients, world.client_limits._addresses) == ({}, {})


def test_a_message_of_a_socket_that_has_left_is_nobodys(world):
    world.say("unknown", "x")
    world.client_limits.fault("unknown", "x")
    world.client_limits.cut_off("unknown")
    assert world.dispatched == []
