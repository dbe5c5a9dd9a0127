"""The whole of it: nginx, two web processes, two workers, Redis; parts of it killed in the middle of four imports."""

from __future__ import annotations

import http.client
import io
import json
import threading
import uuid
from contextlib import ExitStack
from queue import Empty, Queue

import pytest
import socketio

from tests.support import contents, ports
from tests.support.client import form, get, listening, upload
from tests.support.exports import scan
from tests.support.generator import Estate, write
from tests.support.skipping import skipped_without_programs
from tests.support.system import System
from tests.support.waiting import until

pytestmark = pytest.mark.system

IMPORTS = 4
ROWS = 10_000
#: Clients of each import.
CLIENTS = 4


@pytest.fixture(scope="module")
def system(tmp_path_factory, redis):
    system = System(tmp_path_factory.mktemp("an estate"), redis, TRUSTED_PROXIES="1", API_RATE_LIMIT="off")
    for _ in range(2):
        system.start_web(PORT=str(ports.free()), ALLOWED_HOSTS="127.0.0.1")
    for _ in range(2):
        system.start_worker()
    yield system
    system.close()


@pytest.fixture(scope="module")
def front(system):
    with skipped_without_programs():
        return system.start_nginx()


@pytest.fixture(scope="module")
def exports():
    """An export for each import, with hosts of its own."""
    made = []
    for turn in range(IMPORTS):
        stream = io.StringIO(newline="")
        write(stream, Estate(ROWS, seed=turn))
        made.append(stream.getvalue().encode())
    return made


@pytest.fixture(scope="module")
def undisturbed(system, front, exports):
    """What is on record of each export after an import in peace."""
    for turn, content in enumerate(exports):
        assert upload(front, content, source=f"in peace {turn}")[1]["state"] == "completed"
    return [contents.of_source(system.instance, f"in peace {turn}") for turn in range(IMPORTS)]


class Client(threading.Thread):
    """What a browser does: joins, joins again after a reconnect, and asks where no event comes."""

    def __init__(self, front, session, transports):
        super().__init__(daemon=True)
        self._front, self._session = front, session
        self.events = Queue()
        self.end = None
        self.joined = threading.Event()
        self.connects = 0
        self._client = socketio.Client(reconnection_delay=0.2, reconnection_delay_max=1)
        self._client.on("connect", self._join)
        for event in ("progress-status", "progress-update", "progress-complete", "progress-error"):
            self._client.on(event, lambda snapshot, event=event: self.events.put(snapshot))
        self._transports = transports
        self.start()

    def _join(self):
        self.connects += 1
        self._client.emit("join-progress", self._session, callback=lambda *_: self.joined.set())

    def run(self):
        self._client.connect(self._front.url, transports=self._transports, retry=True)
        while self.end is None:
            try:
                snapshot = self.events.get(timeout=5)
            except Empty:
                snapshot = self._asked()
            if snapshot and snapshot["status"] in ("completed", "error"):
                self.end = snapshot
        self._client.disconnect()

    def _asked(self):
        try:
            status, snapshot = get(self._front, f"/api/progress/{self._session}")
        except (OSError, http.client.HTTPException, ValueError):
            return None
        return snapshot if status == 200 else None


def upstreams(system):
    """Which process answered each request, as nginx has logged it."""
    lines = (system.folder / "nginx" / "access").read_text().splitlines()
    return [tuple(line.split(" ")[i] for i in (0, 2)) for line in lines if line.count(" ") >= 3]


def test_sockets_of_every_transport_stay_with_their_process(system, front):
    for transports in (["polling"], ["websocket"], ["polling", "websocket"]):
        with ExitStack() as stack:
            listeners = [stack.enter_context(listening(front, transports)) for _ in range(6)]
            upload(
                front, scan(range(20)), "import-staging", sessionId=listeners[0].session_id, source="-".join(transports)
            )
            for other in listeners[1:]:
                other.client.call("join-progress", listeners[0].session_id)
            for listener in listeners:
                until(lambda listener=listener: listener.next_event()[1]["status"] == "completed")
    used = {upstream for upstream, path in upstreams(system) if path.startswith("/socket.io/")}
    assert used == {server.address for server, _ in system.webs}


def test_pages_of_other_origins_stay_together_without_a_cookie(system, front):
    connection = http.client.HTTPConnection(front.address, timeout=30)
    for _ in range(12):
        connection.request(
            "GET", "/health?elsewhere", headers={"Sec-Fetch-Site": "cross-site", "User-Agent": "a browser"}
        )
        answer = connection.getresponse()
        answer.read()
    connection.close()
    served = until(
        lambda: len(told := [each for each, path in upstreams(system) if path.endswith("?elsewhere")]) == 12 and told
    )
    assert len(set(served)) == 1


def test_an_upload_reaches_the_process_as_it_comes(system, front):
    """Not only once nginx has all of it: the first half is on the disk while the second is still to come."""
    body, kind = form(scan(range(100), range(100)), source="slow")
    half = len(body) // 2
    connection = http.client.HTTPConnection(front.address, timeout=30)
    connection.putrequest("POST", "/api/vulnerabilities/import")
    connection.putheader("Content-Type", kind)
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders()
    connection.send(body[:half])
    until(lambda: any(part.stat().st_size > half // 2 for part in (system.instance / "uploads").glob("*.part")))
    connection.send(body[half:])
    answer = connection.getresponse()
    told = json.loads(answer.read())
    connection.close()
    assert (answer.status, told["inserted"]) == (200, 10_000)


def test_the_processes_see_the_client_and_the_name_it_asked_for(system, front):
    connection = http.client.HTTPConnection(front.address, timeout=30)
    for host, status in ((front.address, 200), ("rebound.example", 421)):
        connection.request("GET", "/health", headers={"Host": host})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == status
    for origin, status in ((f"http://{front.address}", 404), ("http://evil.example", 403)):
        connection.request("POST", "/api/imports/0/cancel", headers={"Origin": origin, "Content-Length": "0"})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == status
    connection.request("GET", "/metrics")
    assert connection.getresponse().status == 404
    connection.close()
    assert get(system.webs[0][0], "/ready")[1]["status"] == "ready"


def test_a_worker_and_a_web_process_die_in_the_middle_of_four_imports(system, front, exports, undisturbed):
    sessions = [str(uuid.uuid4()) for _ in exports]
    kinds = (["polling", "websocket"], ["websocket"], ["polling"], ["polling", "websocket"])
    clients = [Client(front, session, kinds[turn]) for session in sessions for turn in range(CLIENTS)]
    assert all(client.joined.wait(30) for client in clients)
    ids = [
        upload(front, content, "import-staging", sessionId=session, source=session)[1]["importId"]
        for session, content in zip(sessions, exports, strict=True)
    ]
    interrupted, worker = system.one_before_its_end()
    system.kill_worker(worker)
    gone = system.kill_web(0)

    for client in clients:
        client.join(60)
    assert [client.end and client.end["status"] for client in clients] == ["completed"] * len(clients)
    assert any(client.connects > 1 for client in clients)
    assert system.query("SELECT attempts FROM imports WHERE id = ?", interrupted) == [(2,)]
    for session, import_id, in_peace in zip(sessions, ids, undisturbed, strict=True):
        told = [client.end for client in clients if client.end["sessionId"] == session]
        assert {snapshot["metadata"]["inserted"] for snapshot in told} == {ROWS}
        assert system.query("SELECT count(*) FROM findings WHERE opened_by = ?", import_id) == [(ROWS,)]
        assert contents.differing(contents.of_source(system.instance, session), in_peace) == []
        assert get(front, f"/api/imports/{import_id}")[1]["state"] == "completed"
    system.start_web(PORT=gone.address.split(":")[1], ALLOWED_HOSTS="127.0.0.1")
    system.start_worker()


def test_a_rolling_restart_loses_no_end(system, front, exports):
    """Each process in turn is stopped in good order and replaced, while imports run and are watched."""
    sessions = [str(uuid.uuid4()) for _ in exports]
    clients = [Client(front, session, ["polling", "websocket"]) for session in sessions for _ in range(2)]
    assert all(client.joined.wait(30) for client in clients)
    for session, content in zip(sessions, exports, strict=True):
        upload(front, content, "import-staging", sessionId=session, source=f"rolling {session}")
    for _ in range(2):
        server, process = system.webs.pop(0)
        process.terminate()
        assert process.wait(timeout=30) == 0
        system.start_web(PORT=server.address.split(":")[1], ALLOWED_HOSTS="127.0.0.1")
        worker = system.workers.pop(0)
        worker.terminate()
        assert worker.wait(timeout=30) == 0
        system.start_worker()
    for client in clients:
        client.join(60)
    assert [client.end and client.end["metadata"].get("inserted") for client in clients] == [ROWS] * len(clients)
