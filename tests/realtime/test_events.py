"""The socket protocol, through a real Socket.IO test client."""

from __future__ import annotations

import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from hextrackr.extensions import import_queue, socketio, tracker
from hextrackr.realtime.client_limits import SocketLimits
from tests.support.waiting import until

UUID = "6f1c2a34-1111-4222-8333-444455556666"


@pytest.fixture
def connect(app):
    """Connect a socket client to the app."""
    clients = []

    def new():
        client = socketio.test_client(app)
        clients.append(client)
        return client

    yield new
    for client in clients:
        if client.is_connected():
            client.disconnect()


def received(client):
    return [(event["name"], event["args"][0] if event["args"] else None) for event in client.get_received()]


def test_joining_a_live_session_gives_its_snapshot_to_that_socket_only(app, connect):
    with app.app_context():
        tracker.create_session_with_id(UUID, {"operation": "csv-import", "filename": "scan.csv"})
    other, joining = connect(), connect()
    assert joining.emit("join-progress", UUID, callback=True) == {"ok": True}
    [(name, snapshot)] = received(joining)
    assert name == "progress-status"
    assert (snapshot["sessionId"], snapshot["status"], snapshot["progress"]) == (UUID, "initialized", 0.0)
    assert received(other) == []


def test_a_session_may_be_joined_before_it_exists(app, connect):
    client = connect()
    assert client.emit("join-progress", UUID, callback=True) == {"ok": True}
    assert received(client) == []
    with app.app_context():
        tracker.create_session_with_id(UUID)
        tracker.update_progress(UUID, 1.0, "Reading")
        tracker.complete_session(UUID, "Done", {"recordsCreated": 3})
    assert received(client)[0][0] == "progress-update"
    assert until(lambda: received(client))[0][0] == "progress-complete"


def test_a_crowd_that_joins_leaves_connections_to_the_database_for_others(app, connect, monkeypatch):
    crowd = [connect() for _ in range(SocketLimits.lookups + 4)]
    asking, most = set(), []
    full = threading.Event()

    def find(session, **_):
        asking.add(session)
        if len(asking) >= SocketLimits.lookups:
            full.set()
        full.wait(10)
        time.sleep(0.02)
        most.append(len(asking))
        asking.discard(session)

    monkeypatch.setattr(app.extensions["import_snapshots"], "find", find)
    with ThreadPoolExecutor(len(crowd)) as pool:
        answers = list(pool.map(lambda client: client.emit("join-progress", str(uuid.uuid4()), callback=True), crowd))
    assert answers == [{"ok": True}] * len(crowd)
    assert max(most) == SocketLimits.lookups


def test_events_go_to_their_room_only_until_it_is_left(app, connect):
    client = connect()
    client.emit("join-progress", UUID)
    with app.app_context():
        tracker.create_session_with_id(UUID)
        other = tracker.create_session()
        tracker.update_progress(other, 1.0)
        assert received(client) == []
        client.emit("leave-progress", UUID)
        tracker.complete_session(UUID)
    assert received(client) == []


def test_who_joins_after_the_end_gets_the_terminal_snapshot(app, connect):
    with app.app_context():
        tracker.create_session_with_id(UUID)
        tracker.error_session(UUID, {"code": "UNREADABLE_CSV", "detail": "The file is empty."})
    client = connect()
    client.emit("join-progress", UUID)
    [(name, snapshot)] = received(client)
    assert name == "progress-status"
    assert snapshot["error"] == {"code": "UNREADABLE_CSV", "detail": "The file is empty."}


def test_a_finished_import_answers_from_its_row(app, connect):
    with app.app_context():
        import_id = import_queue.add(session_id=UUID, filename="scan.csv", file_size=10, upload="x.csv")
        import_queue.end(import_queue.get(import_id), "failed", {"code": "UNKNOWN_FORMAT", "detail": "No scanner's."})
    client = connect()
    client.emit("join-progress", UUID)
    [(name, snapshot)] = received(client)
    assert (name, snapshot["status"], snapshot["error"]["code"]) == ("progress-status", "error", "UNKNOWN_FORMAT")
    assert snapshot["metadata"]["importId"] == import_id
    assert snapshot["metadata"]["sequence"] >= 1_000_000


def test_ping_is_answered_by_pong(connect):
    client = connect()
    client.emit("ping")
    assert received(client) == [("pong", None)]


@pytest.mark.parametrize("event", ["join-progress", "leave-progress"])
def test_a_malformed_id_gets_a_clear_error(connect, event):
    for value in (None, "", "abc", 7, True, [], {}, {"sessionId": UUID}, [UUID], UUID + "!", "x" * 10_000, "\0" * 36):
        client = connect()
        answer = client.emit(event, value, callback=True)
        assert answer["ok"] is False
        [(name, payload)] = received(client)
        assert name == "progress-error"
        assert payload["error"]["code"] == answer["error"]["code"] == "INVALID_SESSION_ID"
        assert client.is_connected()


def test_no_argument_and_too_many_are_no_crash(connect):
    client = connect()
    client.emit("join-progress")
    client.emit("join-progress", UUID, 1, {"more": 2})
    client.emit("ping", "with", "details")
    assert [name for name, _ in received(client)] == ["progress-error", "pong"]


def test_a_second_app_has_the_handlers_too(config):
    from hextrackr import create_app

    for _ in range(2):
        client = socketio.test_client(create_app(config))
        client.emit("ping")
        assert received(client) == [("pong", None)]
        client.disconnect()
