"""Imports in worker processes: who runs them, what becomes of them when a worker or Redis dies, and what the web process still does."""

from __future__ import annotations

import http.client
import json
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import combinations

import pytest

from tests.support.client import get, listening, upload
from tests.support.exports import scan
from tests.support.generator import Estate, write
from tests.support.server import Server
from tests.support.system import System
from tests.support.waiting import until

pytestmark = pytest.mark.system

ROWS = 30_000


@pytest.fixture(scope="module")
def system(tmp_path_factory, redis):
    system = System(tmp_path_factory.mktemp("system"), redis)
    system.start_web()
    yield system
    system.close()
    assert "Traceback" not in system.log.read_text()


@pytest.fixture
def web(system, redis) -> Server:
    """The web process, with two workers beside it, whatever the test before has done to them."""
    while len(system.workers) < 2:
        system.start_worker()
    return system.webs[0][0]


@pytest.fixture(scope="module")
def long_scan(tmp_path_factory):
    path = tmp_path_factory.mktemp("long") / "scan.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        write(stream, Estate(ROWS))
    return path.read_bytes()


def post(server, path, body=None):
    connection = http.client.HTTPConnection(server.address, timeout=60)
    try:
        connection.request("POST", path, json.dumps(body or {}), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def ended(server, session):
    """The last snapshot of a session."""
    return until(
        lambda: (told := get(server, f"/api/progress/{session}")[1])["status"] in ("completed", "error") and told
    )


def test_an_import_says_that_no_worker_takes_it_and_goes_on_when_one_is_there(system):
    while system.workers:
        system.kill_worker(system.workers[0])
    web = system.webs[0][0]
    with listening(web) as listener:
        upload(web, scan([1]), "import-staging", sessionId=listener.session_id, source="nobody there")
        until(lambda: "none has taken" in listener.next_event()[1]["message"])
        system.start_worker()
        assert listener.until_the_end()[-1][1]["metadata"]["inserted"] == 1


def test_a_worker_runs_the_import_and_the_web_process_tells_of_it(system, web):
    with listening(web) as listener:
        upload(web, scan(range(60), range(50)), "import-staging", sessionId=listener.session_id)
        *updates, (name, last) = listener.until_the_end()
    assert (name, last["metadata"]["inserted"]) == ("progress-complete", 3_000)
    assert {name for name, _ in updates} == {"progress-update"}
    progress = [snapshot["progress"] for _, snapshot in updates]
    assert progress == sorted(progress) and progress[-1] > 0
    assert system.importers(system.webs[0][1]) == []


def test_two_workers_run_two_imports_at_once(system, web, long_scan):
    def send(turn):
        return upload(web, long_scan, "import-staging", source=f"beside {turn}")[1]["importId"]

    with ThreadPoolExecutor() as pool:  # a fast machine imports one file while the next is being sent
        ids = list(pool.map(send, range(3)))
    for import_id in ids:
        record = until(
            lambda import_id=import_id: (told := get(web, f"/api/imports/{import_id}")[1])["finishedAt"] and told
        )
        assert (record["state"], record["inserted"]) == ("completed", ROWS)
    done = system.query("SELECT owner, started_at, finished_at FROM imports WHERE id IN (?, ?, ?)", *ids)
    assert any(
        one != other and begun < its_end and its_beginning < end
        for (one, begun, end), (other, its_beginning, its_end) in combinations(done, 2)
    )


@pytest.mark.parametrize("state", ["staging", "promoting"])
def test_the_import_of_a_killed_worker_is_taken_over_and_done_once(system, web, long_scan, state):
    with listening(web) as listener:
        source = f"killed in {state}"
        _, answer = upload(web, long_scan, "import-staging", sessionId=listener.session_id, source=source)
        system.kill_worker(system.at_work_on(answer["importId"], state))
        events = listener.until_the_end()
    name, last = events[-1]
    assert (name, last["metadata"]["inserted"]) == ("progress-complete", ROWS)
    sequences = [snapshot["metadata"]["sequence"] for _, snapshot in events]
    assert sequences == sorted(set(sequences))
    assert system.query("SELECT attempts, state FROM imports WHERE id = ?", answer["importId"]) == [(2, "completed")]
    counted = "SELECT count(*) FROM findings f JOIN sources s ON s.id = f.source_id WHERE s.label = ?"
    assert system.query(counted, source) == [(ROWS,)]


def test_a_worker_that_is_stopped_lets_go_of_its_import_at_once(system, web, long_scan):
    with listening(web) as listener:
        _, answer = upload(web, long_scan, "import-staging", sessionId=listener.session_id, source="stopped")
        worker = system.at_work_on(answer["importId"], "staging", "promoting")
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(timeout=30) == 0
        system.workers.remove(worker)
        name, last = listener.until_the_end()[-1]
    assert (name, last["metadata"]["inserted"]) == ("progress-complete", ROWS)


@pytest.mark.parametrize("state", ["reading", "promoting"])
def test_the_web_process_cancels_what_a_worker_is_at_work_on(system, web, long_scan, state):
    with listening(web) as listener:
        source = f"cancelled in {state}"
        _, answer = upload(web, long_scan, "import-staging", sessionId=listener.session_id, source=source)
        system.at_work_on(answer["importId"], state)
        assert post(web, f"/api/imports/{answer['importId']}/cancel")[0] == 200
        assert listener.until_the_end()[-1][1]["error"]["code"] == "CANCELLED"
    assert system.query("SELECT count(*) FROM findings WHERE opened_by = ?", answer["importId"]) == [(0,)]


def test_confirm_and_undo_work_from_the_web_process(system, web):
    with listening(web) as listener:
        _, answer = upload(
            web, scan([1, 2]), "import-staging", sessionId=listener.session_id, preview="true", source="ask"
        )
        until(lambda: listener.next_event()[1]["metadata"].get("awaitingConfirmation"))
        assert post(web, f"/api/imports/{answer['importId']}/confirm")[0] == 200
        assert listener.until_the_end()[-1][0] == "progress-complete"
    status, undone = post(web, f"/api/imports/{answer['importId']}/undo")
    assert (status, undone["undoneAt"] is not None) == (200, True)


@pytest.mark.sqlite("PostgreSQL is backed up by its own programs")
def test_a_restore_is_not_begun_beside_a_worker_and_keeps_imports_away(system, web, long_scan):
    _, backup = post(web, "/api/backups")
    assert ended(web, backup["sessionId"])["status"] == "completed"
    assert backup["name"] in {each["name"] for each in get(web, "/api/backups")[1]["data"]}
    _, answer = upload(web, long_scan, "import-staging", source="beside a restore")
    system.at_work_on(answer["importId"], "reading", "staging")
    path = f"/api/backups/{backup['name']}/restore"
    status, refused = post(web, path, {"confirm": "RESTORE"})
    assert (status, refused["error"]["code"]) == (409, "IMPORTS_UNFINISHED")
    ended(web, answer["sessionId"])
    status, restoring = post(web, path, {"confirm": "RESTORE"})
    assert status == 202
    assert ended(web, restoring["sessionId"])["status"] == "completed"
    assert upload(web, scan([5]), source="after it")[1]["inserted"] == 1


@pytest.mark.parametrize("trouble", ["kill", "hang"])
def test_workers_go_on_without_redis(system, web, redis, long_scan, trouble):
    with ExitStack() as stack:
        running, later = (stack.enter_context(listening(web)) for _ in range(2))
        _, answer = upload(web, long_scan, "import-staging", sessionId=running.session_id, source=f"{trouble} 1")
        system.at_work_on(answer["importId"], "staging")
        getattr(redis, trouble)()
        upload(web, scan(range(9)), "import-staging", sessionId=later.session_id, source=f"{trouble} 2")
        for listener, rows in ((running, ROWS), (later, 9)):
            name, last = listener.until_the_end()[-1]
            assert (name, last["metadata"]["inserted"]) == ("progress-complete", rows)
    redis.start() if trouble == "kill" else redis.go_on()
    until(lambda: get(web, "/ready")[0] == 200)
    until(lambda: redis.client.pubsub_numsub("hextrackr")[0][1] == 1)
    until(lambda: _told_live(web, long_scan))  # once the workers have found Redis again


def _told_live(web, content):
    """Whether what a worker says of an import comes through, and not only its end; a short one has no update above 60 %."""
    with listening(web) as listener:
        upload(web, content, "import-staging", sessionId=listener.session_id, source=listener.session_id)
        return any(snapshot["progress"] > 60 for _, snapshot in listener.until_the_end()[:-1])
