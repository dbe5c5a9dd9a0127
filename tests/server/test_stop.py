"""SIGTERM in mid-import: the watchers are told, the server ends soon, and the next one finishes the import."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import time
from contextlib import ExitStack, closing, suppress
from http.client import HTTPConnection
from queue import Empty
from urllib.request import urlopen

import psutil
import pytest

from tests.support.client import listening, upload
from tests.support.exports import scan
from tests.support.generator import Estate, write
from tests.support.server import start
from tests.support.waiting import until

pytestmark = pytest.mark.system

ROWS = 30_000
#: With fifty open sockets; the grace of gunicorn is 5 s.
SECONDS = 8
GRACE = 5


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / "scan.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        write(stream, Estate(ROWS))
    return path.read_bytes()


def get(server, path):
    with urlopen(server.url + path, timeout=10) as answer:
        return json.loads(answer.read())


@pytest.mark.parametrize("mode", ["eventlet", "threading"])
def test_a_running_import_survives_the_end_of_its_server(tmp_path, export, mode):
    server, process = start(tmp_path, ASYNC_MODE=mode)
    try:
        with listening(server) as listener:
            _, answer = upload(server, export, "import-staging", sessionId=listener.session_id)
            seen = []
            while not seen or seen[-1]["metadata"]["currentStep"] < 2:
                seen.append(listener.next_event()[1])
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=SECONDS) == 0
            while listener.client.connected or not listener.events.empty():
                with suppress(Empty):
                    seen.append(listener.events.get(timeout=0.2)[1])
    finally:
        process.kill()
    assert "goes on by itself when it is back" in seen[-1]["message"]
    assert seen[-1]["status"] == "processing"

    server, process = start(tmp_path, ASYNC_MODE=mode)
    try:
        deadline = time.monotonic() + 60
        while (snapshot := get(server, f"/api/progress/{listener.session_id}"))["status"] != "completed":
            assert snapshot["metadata"]["sequence"] > seen[-1]["metadata"]["sequence"]
            assert time.monotonic() < deadline
            time.sleep(0.05)
        record = get(server, f"/api/imports/{answer['importId']}")
        assert (record["state"], record["inserted"]) == ("completed", ROWS)
        until(lambda: not any(path for folder in ("uploads", "spill") for path in (tmp_path / folder).glob("*")))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=SECONDS)


def test_an_idle_server_with_many_sockets_ends_soon(tmp_path):
    server, process = start(tmp_path)
    with ExitStack() as stack:
        for _ in range(50):
            stack.enter_context(listening(server))
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=SECONDS) == 0


@pytest.mark.parametrize("mode", ["eventlet", "threading"])
def test_a_connection_on_which_nothing_is_asked_does_not_hold_up_the_end(tmp_path, mode):
    server, process = start(tmp_path, ASYNC_MODE=mode)
    try:
        asked, silent = HTTPConnection(server.address, timeout=10), HTTPConnection(server.address, timeout=10)
        with closing(asked), closing(silent):
            silent.connect()
            asked.request("GET", "/health")
            assert asked.getresponse().read()
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=GRACE) == 0
    finally:
        process.kill()


@pytest.mark.parametrize("mode", ["eventlet", "threading"])
def test_a_worker_whose_main_process_was_killed_ends_and_frees_the_port(tmp_path, mode):
    server, process = start(tmp_path, ASYNC_MODE=mode)
    children = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    _, alive = psutil.wait_procs(children, timeout=60)
    for each in alive:
        each.kill()
    assert alive == []
    again, process = start(tmp_path, ASYNC_MODE=mode, PORT=server.address.partition(":")[2])
    process.send_signal(signal.SIGTERM)
    assert (again.address, process.wait(timeout=SECONDS)) == (server.address, 0)


@pytest.mark.sqlite("its file can be copied")
@pytest.mark.parametrize("mode", ["eventlet", "threading"])
def test_after_the_end_the_database_is_one_whole_file(tmp_path, mode):
    """Who copies it then need not know that there is a log beside it."""
    copied = tmp_path / "spill" / "copied"
    server, process = start(tmp_path, ASYNC_MODE=mode)
    try:
        assert upload(server, scan(range(20)))[1]["inserted"] == 20
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=SECONDS) == 0
    finally:
        process.kill()
    assert [path for path in tmp_path.glob("*-wal") if path.stat().st_size] == []
    shutil.copy(tmp_path / "hextrackr.sqlite3", copied)
    with closing(sqlite3.connect(copied)) as alone:
        assert alone.execute("SELECT count(*) FROM findings").fetchone() == (20,)
