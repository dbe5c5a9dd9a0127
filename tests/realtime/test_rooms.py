"""Rooms: python-socketio's own server, with stand-ins for its clients' connections."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
import socketio

from hextrackr.realtime.broadcast import YIELD_EVERY, FramedRooms, IndexedRooms

BACKLOG = 3


class Client:
    """What Engine.IO keeps of one client; ``takes`` says whether its connection takes a frame at once."""

    def __init__(self, takes):
        self.queued, self.written = [], []
        self.closed = False
        self.queue = SimpleNamespace(qsize=lambda: len(self.queued))
        self.direct_writer = SimpleNamespace(send=lambda frame: takes and not self.written.append(frame))

    def send(self, packet):
        self.queued.append(packet.encode())

    def close(self, wait):
        assert not wait
        self.closed = True


def serving(manager, clients, takes=True):
    server = socketio.Server(client_manager=manager, async_mode="threading")
    sids = []
    for number in range(clients):
        eio_sid = f"client {number}"
        server.eio.sockets[eio_sid] = Client(takes)
        sids.append(manager.connect(eio_sid, "/"))
    return server, sids, list(server.eio.sockets.values())


@pytest.mark.parametrize("rooms", [IndexedRooms, FramedRooms])
@pytest.mark.parametrize("takes", [True, False])
@pytest.mark.parametrize(
    "data, event",
    [
        ({"progress": 50.5, "message": "ü 漢"}, ["update", {"progress": 50.5, "message": "ü 漢"}]),
        (("a", {"b": None}), ["update", "a", {"b": None}]),
        (None, ["update"]),
        ([1, 2], ["update", [1, 2]]),
    ],
)
def test_each_member_of_a_room_is_told_once_and_nobody_else(rooms, takes, data, event):
    server, sids, clients = serving(rooms(BACKLOG), 3, takes)
    for sid in sids[:2]:
        server.enter_room(sid, "watchers")
    server.emit("update", data, to="watchers")
    for client in clients[:2]:
        (sent,) = [bytes(frame)[2:].decode() for frame in client.written] + client.queued
        assert sent.startswith("42") and json.loads(sent[2:]) == event
    assert not clients[2].written and not clients[2].queued


def test_the_frame_is_the_same_for_all_and_made_once():
    server, sids, clients = serving(FramedRooms(BACKLOG), 4)
    server.emit("update", {"n": 1})
    assert len({id(client.written[0]) for client in clients}) == 1


@pytest.mark.parametrize("rooms", [IndexedRooms, FramedRooms])
def test_an_event_with_binary_data_goes_the_usual_way(rooms):
    server, _, (client,) = serving(rooms(BACKLOG), 1)
    server.emit("update", b"\x01\x02")
    assert not client.written
    assert client.queued == ['451-["update",{"_placeholder":true,"num":0}]', b"\x01\x02"]


@pytest.mark.parametrize("rooms", [IndexedRooms, FramedRooms])
def test_a_client_can_be_skipped(rooms):
    server, sids, clients = serving(rooms(BACKLOG), 2)
    server.emit("update", 1, skip_sid=sids[0])
    assert (clients[0].queued, clients[1].queued) == ([], ['42["update",1]'])


@pytest.mark.parametrize("rooms", [IndexedRooms, FramedRooms])
def test_a_client_that_does_not_read_is_cut_off_and_the_others_are_served(rooms, caplog):
    server, _, (slow, quick) = serving(rooms(BACKLOG), 2, takes=False)
    for number in range(BACKLOG + 1):
        quick.queued.clear()
        server.emit("update", number)
    assert slow.closed and len(slow.queued) == BACKLOG
    assert not quick.closed and quick.queued == [f'42["update",{BACKLOG}]']
    assert "does not read its messages" in caplog.text


@pytest.mark.parametrize("rooms", [IndexedRooms, FramedRooms])
def test_other_work_gets_its_turn_while_many_are_served(rooms, monkeypatch):
    server, _, _ = serving(rooms(BACKLOG), 2 * YIELD_EVERY + 10)
    turns = []
    monkeypatch.setattr(server, "sleep", turns.append)
    server.emit("update", 1)
    assert turns == [0, 0]


def test_a_socket_is_in_its_rooms_until_it_leaves_them():
    rooms = IndexedRooms(BACKLOG)
    server, (sid, other), clients = serving(rooms, 2)
    for room in ("a", "b", "c"):
        server.enter_room(sid, room)
    server.enter_room(other, "a")
    assert set(server.rooms(sid)) == {sid, "a", "b", "c"}
    server.leave_room(sid, "b")
    assert set(server.rooms(sid)) == {sid, "a", "c"}
    rooms.pre_disconnect(sid, "/")
    rooms.disconnect(sid, "/", ignore_queue=True)
    assert server.rooms(sid) == []
    assert set(rooms.rooms["/"]) == {None, other, "a"}
    assert not rooms.pending_disconnect
    assert rooms.sid_from_eio_sid("client 0", "/") is None
    assert rooms.sid_from_eio_sid("client 1", "/") == other


def test_an_emit_into_a_room_that_nobody_is_in_is_nothing():
    server, _, (client,) = serving(FramedRooms(BACKLOG), 1)
    server.emit("update", 1, to="nobody")
    server.emit("update", 1, namespace="/none")
    assert not client.written and not client.queued
