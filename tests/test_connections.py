"""How many connections there may be, and how they are accepted, around stand-ins for sockets."""

from __future__ import annotations

import errno
import resource
from io import BytesIO

import pytest

from hextrackr import connections
from hextrackr.connections import Arrivals, Connections, Listener


class Socket:
    """One end of a connection."""

    def __init__(self, number):
        self.number = number
        self.shut = []

    def fileno(self):
        return self.number

    def shutdown(self, how):
        self.shut.append(how)

    def close(self):
        self.number = -1


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        self.now += 0.001
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def known(clock):
    return Connections(6, 3, clock)


def test_who_has_been_arriving_for_longest_makes_room(known):
    first, second, third = crowd = [Socket(number) for number in (10, 11, 12)]
    assert all(known.admit(each, "a") for each in crowd)
    known.served(first)
    assert known.admit(Socket(13), "a")
    assert (first.shut, second.shut != [], third.shut) == ([], True, [])


def test_an_address_whose_connections_are_all_served_gets_no_more_and_others_do(known, clock):
    crowd = [Socket(number) for number in range(10, 13)]
    for each in crowd:
        known.admit(each, "a")
        known.served(each)
    late = Socket(13)
    assert not known.admit(late, "a")
    assert known.admit(Socket(14), "b")
    crowd[0].close()
    clock.now += connections.SCAN
    assert known.admit(late, "a")


def test_all_addresses_together_have_so_many(known):
    crowd = [Socket(number) for number in range(10, 16)]
    assert all(known.admit(each, str(each.number)) for each in crowd)
    late = Socket(16)
    assert known.admit(late, "late")
    assert crowd[0].shut
    assert len(known) == 6


def test_behind_a_proxy_addresses_are_not_counted(clock):
    known = Connections(6, None, clock)
    crowd = [Socket(number) for number in range(10, 16)]
    assert all(known.admit(each, "proxy") for each in crowd)
    assert not any(each.shut for each in crowd)


def test_a_descriptor_that_comes_back_is_another_connection(known, clock):
    gone, new = Socket(10), Socket(10)
    known.admit(gone, "a")
    known.served(gone)
    known.admit(new, "b")
    clock.now += connections.ARRIVAL + 1
    known.end_overdue()
    assert new.shut
    assert len(known) == 1


def test_what_takes_too_long_to_arrive_is_ended_and_what_is_served_is_not(known, clock):
    slow, idle, served = crowd = [Socket(number) for number in (10, 11, 12)]
    for each in crowd:
        known.admit(each, "a")
    known.served(served)
    clock.now += connections.ARRIVAL - 1
    known.arriving(idle)
    clock.now += 2
    known.end_overdue()
    assert [bool(each.shut) for each in crowd] == [True, False, False]
    assert slow.shut


class Accepting:
    """A listening socket with these answers to ``accept``."""

    def __init__(self, *answers):
        self.answers = list(answers)

    def accept(self):
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer, ("10.0.0.1", 5)


def nothing_left(number):
    return OSError(number, "no more")


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM])
def test_want_of_descriptors_or_memory_is_waited_for(known, number):
    shed, served, slept = Socket(20), Socket(21), []
    answers = [nothing_left(number), *([shed] if number in (errno.EMFILE, errno.ENFILE) else []), served]
    listener = Listener(Accepting(*answers), known, slept.append)
    with pytest.raises(BlockingIOError):
        listener.accept()
    assert slept == [connections.RETRY]
    assert listener.accept() == (served, ("10.0.0.1", 5))
    assert (shed.number == -1) is (number in (errno.EMFILE, errno.ENFILE))


def test_a_client_that_has_left_already_is_none(known):
    with pytest.raises(BlockingIOError):
        Listener(Accepting(nothing_left(errno.ECONNABORTED)), known, lambda _: None).accept()
    with pytest.raises(OSError, match="no more"):
        Listener(Accepting(nothing_left(errno.EBADF)), known, lambda _: None).accept()


def test_who_is_not_admitted_is_closed(known):
    crowd = [Socket(number) for number in range(10, 14)]
    listener = Listener(Accepting(*crowd), known, lambda _: None)
    for _ in range(3):
        known.served(listener.accept()[0])
    with pytest.raises(BlockingIOError):
        listener.accept()
    assert crowd[3].number == -1


@pytest.mark.parametrize(
    ("environ", "arrives"),
    [
        ({}, False),
        ({"CONTENT_LENGTH": "0"}, False),
        ({"CONTENT_LENGTH": "5"}, True),
        ({"HTTP_TRANSFER_ENCODING": "chunked"}, True),
    ],
)
def test_a_request_is_served_when_its_body_is_there(known, clock, environ, arrives):
    connection = Socket(10)
    known.admit(connection, "a")

    def app(environ, start):
        clock.now += connections.ARRIVAL + 1
        known.end_overdue()
        start("200 OK", [])
        return []

    Arrivals(app, known)({"gunicorn.socket": connection, "wsgi.input": BytesIO(), **environ}, lambda *_: None)
    assert bool(connection.shut) is arrives
    connection.shut.clear()
    clock.now += connections.ARRIVAL + 1
    known.end_overdue()
    assert not connection.shut


def test_descriptors_are_left_for_everything_else(monkeypatch):
    limit = lambda soft: monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, soft))  # noqa: E731
    monkeypatch.setattr(connections, "_open_descriptors", lambda: 40)
    counts = []
    for soft in (64, 256, 1_024, 65_536, resource.RLIM_INFINITY):
        limit(soft)
        counts.append(connections.capacity(9_500))
    assert counts == [12, 116, 884, 9_500, 9_500]


def test_the_soft_limit_is_raised(monkeypatch):
    asked = []
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: asked.append(limits))
    for limits in ((256, 4_096), (1_024, 1 << 30), (4_096, 4_096), (256, resource.RLIM_INFINITY)):
        monkeypatch.setattr(resource, "getrlimit", lambda _, limits=limits: limits)
        connections.raise_descriptor_limit()
    assert asked == [(4_096, 4_096), (65_536, 1 << 30), (65_536, resource.RLIM_INFINITY)]
