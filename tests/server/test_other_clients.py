"""Other clients in use, which bring ids of their own, know fewer events and throttle what they draw: a real server serves them as it is."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import Queue
from urllib.request import Request, urlopen

import pytest

from tests.support import sockets
from tests.support.client import EVENTS, get, upload
from tests.support.exports import scan
from tests.support.generator import Estate, write
from tests.support.other_clients import drawn, with_jitter
from tests.support.server import running
from tests.support.waiting import PATIENCE

NETWORKS = 60


@pytest.fixture(scope="module", params=["eventlet", "threading"])
def server(request):
    with running(ASYNC_MODE=request.param) as server:
        yield server


@pytest.fixture(scope="module")
def long_scan(tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / "scan.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        write(stream, Estate(30_000))
    return path.read_bytes()


@dataclass
class Watching:
    """A client that has joined a session before its upload: what reached it, and when (ms)."""

    session_id: str
    arrived: Queue = field(default_factory=Queue)

    def until(self, *events):
        """Everything up to one of these events."""
        told = []
        while not told or told[-1][1] not in events:
            told.append(self.arrived.get(timeout=PATIENCE))
        return told


@contextmanager
def watching(server):
    client = sockets.Client(reconnection=False)
    watching = Watching(f"import_{time.time_ns() // 1_000_000}_k3j9x0q2f")
    for event in EVENTS:
        client.on(event, lambda told, name=event: watching.arrived.put((time.monotonic() * 1000, name, told)))
    client.connect(server.url, transports=["websocket"])
    client.emit("join-progress", watching.session_id)
    yield watching
    client.disconnect()


def test_a_short_import_shows_its_steps_and_its_end_with_all_that_is_known_of_it(server):
    with watching(server) as client:
        status, answer = upload(
            server, scan(range(33), range(3)), "import-staging", sessionId=client.session_id, vendor="x"
        )
        told = client.until("progress-complete")
    assert (status, answer["sessionId"], answer["message"]) == (
        202,
        client.session_id,
        "Upload complete. The import has started.",
    )
    updates = [snapshot for _, event, snapshot in told if event == "progress-update"]
    assert {2, 3} <= {snapshot["metadata"]["currentStep"] for snapshot in updates}
    assert "Staging complete. Processing 99 records to final tables..." in [snapshot["message"] for snapshot in updates]
    for seed in range(NETWORKS):
        assert drawn(with_jitter(told, seed))[-1] == "end"

    end = told[-1][2]
    impact = end["metadata"]["importSummary"]["severityImpact"]
    assert end["metadata"]["recordsCreated"] == sum(each["netChange"] for each in impact.values()) == 99
    assert end["metadata"]["scanDate"] == updates[-1]["metadata"]["scanDate"] is not None
    assert end["metadata"]["queuedMs"] >= 0
    assert sum(end["metadata"]["stepSeconds"].values()) * 1000 <= end["duration"] + 2


def test_the_row_tells_the_end_as_the_tracker_did(server, long_scan):
    """The tracker drops a session as soon as another import has its id; it told of this one before."""
    with watching(server) as client:
        _, answer = upload(server, long_scan, "import-staging", sessionId=client.session_id, source="rows")
        told = client.until("progress-complete")
    for seed in range(NETWORKS):
        assert drawn(with_jitter(told, seed))[-1] == "end"
    end, imported = told[-1][2], get(server, f"/api/imports/{answer['importId']}")[1]
    assert imported["duration"] == end["duration"]
    assert imported["message"] == end["message"]


def test_an_error_is_shown_and_the_file_is_refused_in_words(server):
    with watching(server) as client:
        upload(server, b"a,b\n1,2\n", "import-staging", sessionId=client.session_id)
        told = client.until("progress-error")
    assert drawn(told)[-1] == "error"
    end = told[-1][2]
    assert (end["message"], end["error"]["code"]) == ("The import of scan.csv failed.", "UNREADABLE_CSV")
    assert end["error"]["detail"] not in ("", end["message"])

    status, answer = upload(server, b"a,b\n1,2\n", sessionId="../..")
    assert (status, answer["message"]) == (400, answer["error"]["detail"])
    status, answer = upload(server, b"a,b\n1,2\n")
    assert (status, answer["message"]) == (422, answer["error"]["detail"])


def test_an_import_is_cancelled_by_its_session(server, long_scan):
    with watching(server) as client:
        options = {"source": "cancelled", "preview": "true"}  # it waits, however fast it is, to be cancelled
        _, answer = upload(server, long_scan, "import-staging", sessionId=client.session_id, **options)
        body = json.dumps({"sessionId": client.session_id}).encode()
        cancel = Request(f"{server.url}/api/vulnerabilities/import-cancel", body, {"Content-Type": "application/json"})
        with urlopen(cancel, timeout=PATIENCE) as cancelled:
            assert json.loads(cancelled.read())["state"] == "cancelled"
        told = client.until("progress-error")
    assert drawn(told)[-1] == "error"
    end = told[-1][2]
    assert (end["message"], end["error"]["code"]) == ("The import of scan.csv was cancelled.", "CANCELLED")
    imported = get(server, f"/api/imports/{answer['importId']}")[1]
    assert imported["duration"] == end["duration"] == end["metadata"]["duration"]
