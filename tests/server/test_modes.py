"""Every way to serve: imports, their events, and a log without surprises."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.client import listening, upload
from tests.support.exports import scan
from tests.support.server import running


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    return tmp_path_factory.mktemp("server") / "log"


@pytest.fixture(scope="module", params=["eventlet", "threading"])
def server(request, log):
    with log.open("wb") as stream, running(stream, ASYNC_MODE=request.param, LOG_LEVEL="INFO") as server:
        yield server
    trouble = re.findall("(?i).*(?:traceback|error|exception|deprecated).*", log.read_text())
    # Engine.IO says this of a client that asks once more after it has left.
    assert [line for line in trouble if "Session is disconnected" not in line] == []


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_an_import_streams_its_events(server, transport):
    with listening(server, transport) as listener:
        content = scan(range(40), range(100))
        status, answer = upload(
            server, content, "import-staging", sessionId=listener.session_id, source=f"events {transport}"
        )
        assert (status, answer["sessionId"]) == (202, listener.session_id)
        events = listener.until_the_end()
    *updates, (name, last) = events
    assert name == "progress-complete"
    assert {name for name, _ in updates} == {"progress-update"}
    assert last["metadata"]["inserted"] == 4_000
    sequences = [snapshot["metadata"]["sequence"] for _, snapshot in events]
    assert sequences == sorted(set(sequences))
    percentages = [snapshot["progress"] for _, snapshot in events]
    assert percentages == sorted(percentages)


def test_imports_at_once_all_end_with_the_right_figures(server):
    exports = {f"office {turn}": scan(range(20 * turn), range(100)) for turn in (1, 2, 3)}
    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(lambda source: upload(server, exports[source], source=source), exports))
    assert [(status, answer["inserted"]) for status, answer in answers] == [(200, 2_000), (200, 4_000), (200, 6_000)]
