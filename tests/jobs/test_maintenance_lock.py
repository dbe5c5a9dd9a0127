"""The lock between who writes and who replaces the record: over threads and processes, also when one of them ends without a word."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from hextrackr.errors import Conflict, Maintenance
from hextrackr.jobs import maintenance_lock
from hextrackr.jobs.maintenance_lock import MaintenanceLock
from tests.support.client import form
from tests.support.exports import scan


def nothing():
    """Nothing forbids it."""


@pytest.fixture
def locks(tmp_path):
    return MaintenanceLock(tmp_path), MaintenanceLock(tmp_path)


def test_one_replaces_and_nobody_writes(locks, monkeypatch):
    monkeypatch.setattr(maintenance_lock, "LOOK_PATIENCE", 0.0)
    one, other = locks
    assert not one.is_held()
    with one.maintaining(nothing):
        assert one.is_held() and other.is_held()
        for again in (other.writing, lambda: other.maintaining(nothing)):
            with pytest.raises(Maintenance), again():
                pass
        with other.replacing():  # as the process does that it has asked to
            with pytest.raises(Maintenance), one.joining():
                pass
    with other.writing(), one.writing():
        assert not one.is_held()


def test_who_replaces_waits_for_who_writes_and_lets_nobody_in_meanwhile(locks):
    one, other = locks
    refused, order = threading.Event(), []

    def replace():
        with other.maintaining(nothing):
            order.append("replaced")

    with one.writing():
        thread = threading.Thread(target=replace)
        thread.start()
        while not refused.is_set():
            try:
                with one.writing():
                    pass
            except Maintenance:
                refused.set()
        with one.joining():  # what belongs to the write that is under way goes on
            order.append("written")
    thread.join()
    assert order == ["written", "replaced"]


def test_a_writer_that_does_not_end_is_told(locks, monkeypatch):
    monkeypatch.setattr(maintenance_lock, "WRITERS_PATIENCE", 0.1)
    one, other = locks
    with one.writing(), pytest.raises(Conflict, match="is writing to the database"), other.maintaining(nothing):
        pass
    assert not one.is_held()


@pytest.mark.parametrize("at", [1, 2])
def test_whatever_forbids_it_leaves_nothing_held(locks, at):
    one, other = locks
    calls = []

    def check():
        calls.append(1)
        if len(calls) == at:
            raise RuntimeError("no")

    with pytest.raises(RuntimeError), one.maintaining(check):
        pass
    with other.writing():
        assert not one.is_held()


def test_a_look_at_the_lock_is_in_nobodys_way(locks, monkeypatch):
    monkeypatch.setattr(maintenance_lock, "LOOK_PATIENCE", 120.0)  # on a machine that has other work
    one, other = locks
    done = threading.Event()

    def look():
        while not done.is_set():
            other.is_held()

    thread = threading.Thread(target=look)
    thread.start()
    try:
        for _ in range(50):
            with one.maintaining(nothing):
                pass
    finally:
        done.set()
        thread.join()


@pytest.mark.parametrize("how", ["maintaining(lambda: None)", "replacing()", "writing()"])
def test_a_holder_that_is_killed_lets_go(locks, tmp_path, how):
    program = (
        "import os, signal; from pathlib import Path; from hextrackr.jobs.maintenance_lock import MaintenanceLock\n"
        f"with MaintenanceLock(Path({str(tmp_path)!r})).{how}:\n"
        "    print('held', flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "held\n"
    with locks[0].maintaining(nothing):
        pass
    with locks[0].writing():
        pass


REQUESTS = [
    "/api/imports/1/cancel", "/api/imports/1/confirm", "/api/imports/1/undo", "/api/imports/1/retry", "/api/mappings",
]  # fmt: skip


def test_no_request_writes_while_another_process_replaces_the_record(app, client):
    with MaintenanceLock(app.config["INSTANCE_PATH"]).maintaining(nothing):
        body, kind = form(scan([1]))
        answers = [
            client.post("/api/vulnerabilities/import-staging", data=body, content_type=kind),
            *(client.post(path, json={}) for path in REQUESTS),
            client.delete("/api/mappings/1"),
        ]
        assert {(answer.status_code, answer.json["error"]["code"]) for answer in answers} == {(503, "MAINTENANCE")}
        assert client.get("/ready").json["checks"]["server"].startswith("The data is being")
        assert client.get("/api/imports").status_code == 200
    assert client.get("/ready").status_code == 200
    assert client.post("/api/imports/1/cancel").status_code == 404


@pytest.mark.sqlite("PostgreSQL is backed up by its own programs")
def test_nothing_is_cleared_while_another_process_replaces_the_record(app, client):
    with MaintenanceLock(app.config["INSTANCE_PATH"]).maintaining(nothing):
        answer = client.post("/api/clear", json={"confirm": "DELETE"})
        assert (answer.status_code, answer.json["error"]["code"]) == (503, "MAINTENANCE")


def test_no_import_is_taken_up_while_the_record_is_replaced(working, queue, wait_for, monkeypatch):
    monkeypatch.setattr(maintenance_lock, "WRITERS_PATIENCE", 120.0)
    lock = MaintenanceLock(working.config["INSTANCE_PATH"])
    with lock.maintaining(nothing):
        record = queue(scan([1, 2]))
        assert record.state == "queued"
        with lock.replacing():  # nobody writes: the loop has seen that it must not
            pass
    assert wait_for(record, "completed").inserted == 2
