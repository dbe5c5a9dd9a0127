"""Backups, restores and clears that cannot begin, or whose processes die: what is said of them is true, and stays on record.

A few kills by default; ``FAULT_KILLS`` sets how many.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from hextrackr import create_app
from hextrackr.jobs import importer_process
from hextrackr.jobs.backups import service
from hextrackr.jobs.backups.service import BackupService
from tests.support import ROOT
from tests.support.exports import scan

pytestmark = [pytest.mark.system, pytest.mark.sqlite("PostgreSQL is backed up by its own programs")]

KILLS = int(os.environ.get("FAULT_KILLS", "3"))


def refuse(error):
    def call(*_args, **_options):
        raise error

    return call


def begin(app, kind, name=""):
    """Begin an operation; its session."""
    path, body = {
        "backup": ("/api/backups", {}),
        "clear": ("/api/clear", {"confirm": "DELETE"}),
        "restore": (f"/api/backups/{name}/restore", {"confirm": "RESTORE"}),
    }[kind]
    answer = app.ask(path, {**body, "sessionId": str(uuid.uuid4())})
    assert answer.status_code == 202, answer.json
    return answer.json["sessionId"]


def backed_up(app):
    """The name of a backup of what there is now."""
    return app.told_the_end(begin(app, "backup"))["metadata"]["filename"]


def operation(app, session):
    """What is on record of it."""
    told = app.get("/api/backups").json["operations"]
    [found] = [each for each in told if each["sessionId"] == session]
    return found


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("backup", OSError(11, "EAGAIN")),
        ("restore", OSError(12, "ENOMEM")),
        ("clear", OSError(24, "EMFILE")),
        ("undo", OSError(11, "EAGAIN")),
    ],
    ids=str,
)
def test_what_cannot_begin_says_so(start_app, monkeypatch, kind, error):
    app = start_app()
    name, before = backed_up(app), app.findings()
    [imported] = [each["importId"] for each in app.get("/api/imports").json["data"]]
    with monkeypatch.context() as patch:
        patch.setattr(importer_process.subprocess, "Popen", refuse(error))
        app.end_the_importer()
        if kind == "undo":
            answer = app.ask(f"/api/imports/{imported}/undo", {})
            assert (answer.status_code, answer.json["error"]["code"]) == (500, "INTERRUPTED")
            told = answer.json["error"]
        else:
            session = begin(app, kind, name)
            snapshot = app.told_the_end(session)
            assert snapshot["status"] == "error"
            told = snapshot["error"]
            assert operation(app, session)["state"] == "failed"
        assert told["detail"] == "The process that does this could not be started; nothing was changed."
    assert app.findings() == before
    assert [backup["name"] for backup in app.get("/api/backups").json["data"]] == [name]
    assert app.ended(app.upload(scan([1, 2, 3])))["state"] == "completed"  # nothing is held


def test_a_task_that_cannot_be_started_holds_nothing(start_app, monkeypatch):
    app = start_app()
    with monkeypatch.context() as patch:
        patch.setattr(app.backup_service, "_start_task", refuse(RuntimeError("can't start new thread")))
        for kind in ("backup", "clear"):
            with pytest.raises(RuntimeError):
                app.backup_service.begin(kind, str(uuid.uuid4()))
    assert {each["state"] for each in app.get("/api/backups").json["operations"]} == {"failed"}
    assert app.ended(app.upload(scan([1])))["state"] == "completed"
    assert app.told_the_end(begin(app, "clear"))["status"] == "completed"


def test_a_database_that_fails_as_the_lock_is_taken_holds_nothing(start_app, monkeypatch):
    app = start_app()
    with monkeypatch.context() as patch:
        patch.setattr(app.import_queue, "unfinished", refuse(sqlite3.OperationalError("disk I/O error")))
        with pytest.raises(sqlite3.OperationalError):
            app.ask("/api/clear", {"confirm": "DELETE"})
    assert app.ended(app.upload(scan([1])))["state"] == "completed"


#: After which report of the importer it is killed: 0 as soon as it has been asked, 100 once the record is replaced.
@pytest.mark.parametrize(
    ("kind", "at"),
    [
        ("backup", 0),
        ("backup", 70),
        ("restore", 30),
        ("restore", 100),
        ("clear", 70),
    ],
)
def test_what_an_importer_that_is_killed_leaves_is_told(start_app, monkeypatch, kind, at):
    app = start_app()
    name = backed_up(app)
    assert app.ended(app.upload(scan([1, 2, 3])))["state"] == "completed"
    app.rested()
    before, backups = app.findings(), len(app.get("/api/backups").json["data"])
    progressed = BackupService._progressed

    def killing(self, session_id, line):
        progressed(self, session_id, line)
        if line["progress"] >= at:
            app.end_the_importer()

    monkeypatch.setattr(BackupService, "_progressed", killing)
    session = begin(app, kind, name)
    told = app.told_the_end(session)
    monkeypatch.undo()
    made = len(app.get("/api/backups").json["data"]) > backups
    is_done = made if kind == "backup" else app.findings() != before
    assert (told["status"] == "completed") == is_done, told
    assert operation(app, session)["state"] == ("completed" if is_done else "failed")
    if not is_done:
        assert told["error"]["code"] == "INTERRUPTED"
        assert "interrupted before it was" in told["error"]["detail"]
    assert app.ended(app.upload(scan([7]), source="another"))["inserted"] == 1


def test_a_restore_that_was_committed_and_could_not_be_told_is_told_as_done(start_app, monkeypatch):
    """The importer dies after the commit, before its last word."""
    app = start_app()
    name, before = backed_up(app), app.findings()
    assert app.ended(app.upload(scan([5]), source="another"))["inserted"] == 1
    app.rested()
    ask = app.supervisor.ask

    def without_a_word(request, progressed):
        ask(request, progressed)
        return {"code": "INTERRUPTED", "detail": "It died."}

    monkeypatch.setattr(app.supervisor, "ask", without_a_word)
    assert app.told_the_end(begin(app, "restore", name))["status"] == "completed"
    assert app.findings() == before


def test_files_are_removed_beside_the_event_loop(start_app, monkeypatch):
    """They may be large: to remove one takes longer than the loop may stand still."""
    app, threads = start_app(), []
    remove = service.shutil.rmtree

    def noting(*arguments, **options):
        threads.append(threading.current_thread().name)
        remove(*arguments, **options)

    with ThreadPoolExecutor(1, "beside") as pool:
        monkeypatch.setattr(app.backup_service, "_offload", lambda *call: pool.submit(*call).result())
        monkeypatch.setattr(service.shutil, "rmtree", noting)
        assert app.told_the_end(begin(app, "backup"))["status"] == "completed"
    assert threads == ["beside_0"]


def test_nothing_is_called_done_that_was_not(start_app, monkeypatch):
    app = start_app()
    before = app.findings()
    monkeypatch.setattr(app.supervisor, "ask", lambda *_: None)
    for kind in ("backup", "clear"):
        assert app.told_the_end(begin(app, kind))["status"] == "error"
    assert app.findings() == before


KILLED = """
import os, signal, sys
from pathlib import Path
from config import TestingConfig
from hextrackr import create_app
from hextrackr.jobs.backups import copying, operations
put = copying.put_in_place
def killed(*arguments):
    if sys.argv[2] == "after":
        put(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)
copying.put_in_place = killed
app = create_app(TestingConfig(INSTANCE_PATH=Path(sys.argv[1])))
with app.app_context(), app.extensions["backup_service"].running("clear") as work:
    operations.carry_out(work, lambda *_: None)
"""


@pytest.mark.parametrize("at", ["before", "after"])
def test_after_the_end_of_its_process_what_became_of_it_is_found_out(start_app, at):
    """A command that is killed in a clear: the running server tells what is true."""
    app = start_app()
    done = subprocess.run([sys.executable, "-c", KILLED, str(app.instance), at], cwd=ROOT)
    assert done.returncode == -signal.SIGKILL
    told = app.get("/api/backups").json["operations"][0]
    assert told["state"] == ("completed" if at == "after" else "failed")
    assert bool(app.findings()["findings"]) == (at == "before")
    assert app.ended(app.upload(scan([7]), source="another"))["inserted"] == 1


def test_kills_at_random_around_restores_and_uploads(start_app):
    """Nothing that was answered with 202 or called complete is missing afterwards."""
    app, rng = start_app(), random.Random(KILLS)
    name = backed_up(app)
    for number in range(KILLS):
        kind = rng.choice(["backup", "restore", "clear"])
        session = begin(app, kind, name)
        time.sleep(rng.random() * 0.5)
        app.end_the_importer()
        answer = app.post(scan([100 + number]), source=f"source {number}")
        assert answer.status_code in (202, 503), answer.json
        told = app.told_the_end(session)
        assert operation(app, session)["state"] == ("completed" if told["status"] == "completed" else "failed")
        if answer.status_code == 202:
            assert app.ended(answer.json["importId"])["state"] == "completed"
            assert app.ended(answer.json["importId"])["filename"] == "scan.csv"
        assert list((app.instance / "backups").glob(".work-*")) == []
        with closing(sqlite3.connect(app.instance / "hextrackr.sqlite3")) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_uploads_beside_clears_are_never_lost(start_app):
    """Each that was answered with 202 is on record, or in the backup of what was cleared; none that was refused is."""
    app, taken, refused, over = start_app(), set(), set(), threading.Event()

    def upload():
        number = 0
        while not over.is_set():
            number += 1
            session = str(uuid.uuid4())
            answer = app.post(scan([number]), sessionId=session)
            assert answer.status_code in (202, 503), answer.json
            (taken if answer.status_code == 202 else refused).add(session)
            if answer.status_code == 202:
                app.told_the_end(session)

    thread = threading.Thread(target=upload)
    thread.start()
    try:
        cleared, deadline = 0, time.monotonic() + 300
        while cleared < KILLS and time.monotonic() < deadline:
            answer = app.ask("/api/clear", {"confirm": "DELETE", "sessionId": (session := str(uuid.uuid4()))})
            assert answer.status_code in (202, 409), answer.json
            if answer.status_code == 202:
                assert app.told_the_end(session)["status"] == "completed"
                cleared += 1
    finally:
        over.set()
        thread.join()
    kept = [app.instance / "hextrackr.sqlite3", *(app.instance / "backups").glob("*.sqlite3")]
    found = set()
    for path in kept:
        with closing(sqlite3.connect(path)) as connection:
            rows = connection.execute("SELECT session_id, state FROM imports").fetchall()
            found |= {session for session, state in rows if state == "completed"}
    assert taken <= found
    assert not refused & found
    assert cleared


def test_what_became_of_an_operation_outlives_the_server(start_app, config):
    first = start_app()
    session = begin(first, "backup")
    told = first.told_the_end(session)
    second = create_app(config)
    again = second.test_client().get(f"/api/progress/{session}").json
    assert (
        (again["status"], again["message"])
        == (told["status"], told["message"])
        == ("completed", "The backup is complete.")
    )
    assert again["metadata"]["filename"] == told["metadata"]["filename"]
