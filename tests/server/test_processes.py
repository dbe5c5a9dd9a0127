"""Two web processes on one database, with Redis between them: who is connected to either sees everything."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from contextlib import ExitStack, contextmanager

import pytest

from tests.support import ROOT
from tests.support.client import get, listening, upload
from tests.support.exports import scan
from tests.support.generator import Estate, write
from tests.support.server import environment_of, running
from tests.support.waiting import until

pytestmark = pytest.mark.system


@contextmanager
def two_processes(folder, redis, **settings):
    """Two servers on one data folder, and what they have logged."""
    log = folder / "log"
    instance = folder / "instance"
    instance.mkdir()
    with log.open("ab") as stream, ExitStack() as stack:
        yield [stack.enter_context(running(stream, instance, REDIS_URL=redis.url, **settings)) for _ in range(2)]
    assert "Traceback" not in log.read_text()


@pytest.fixture(scope="module")
def servers(tmp_path_factory, redis):
    with two_processes(tmp_path_factory.mktemp("two"), redis) as servers:
        yield servers


@pytest.fixture(scope="module")
def long_scan(tmp_path_factory):
    path = tmp_path_factory.mktemp("long") / "scan.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        write(stream, Estate(30_000))
    return path.read_bytes()


def post(server, path):
    connection = http.client.HTTPConnection(server.address, timeout=30)
    try:
        connection.request("POST", path, headers={"Content-Length": "0"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def watch_in_both(stack, servers):
    """A listener of one session in each process."""
    one, other = (stack.enter_context(listening(server)) for server in servers)
    assert other.client.call("join-progress", one.session_id) == {"ok": True}
    return one, other


def assert_the_same_is_seen(one, other):
    seen, as_well = one.until_the_end(), other.until_the_end()
    assert seen == as_well
    assert [name for name, _ in seen] == ["progress-update"] * (len(seen) - 1) + ["progress-complete"]
    sequences = [snapshot["metadata"]["sequence"] for _, snapshot in seen]
    assert sequences == sorted(set(sequences))


@pytest.mark.parametrize("mode", ["eventlet", "threading"])  # the tests below are of eventlet
def test_watchers_in_both_processes_see_the_same_events(tmp_path, redis, mode):
    with two_processes(tmp_path, redis, ASYNC_MODE=mode) as servers, ExitStack() as stack:
        for turn in range(2):  # either process may run the import
            one, other = watch_in_both(stack, servers)
            upload(
                servers[turn], scan(range(60), range(50)), "import-staging", sessionId=one.session_id, source=f"{turn}"
            )
            assert_the_same_is_seen(one, other)


def test_who_joins_in_mid_import_gets_the_snapshot_in_either_process(servers, long_scan):
    with listening(servers[0]) as first:
        upload(servers[0], long_scan, "import-staging", sessionId=first.session_id, source="late")
        until(lambda: first.next_event()[1]["progress"] > 5)
        for server in servers:
            with listening(server) as late:
                assert late.client.call("join-progress", first.session_id) == {"ok": True}
                # An update to the room may come before the answer to the one who has just entered it.
                came = iter(late.next_event, None)
                snapshot = next(payload for name, payload in came if name == "progress-status")
                assert (snapshot["sessionId"], snapshot["progress"] > 5) == (first.session_id, True)
            assert get(server, f"/api/progress/{first.session_id}")[1]["progress"] > 5
        assert first.until_the_end()[-1][0] == "progress-complete"


def test_a_session_in_use_in_one_process_is_refused_by_the_other(servers, long_scan):
    with listening(servers[0]) as listener:
        upload(servers[0], long_scan, "import-staging", sessionId=listener.session_id, source="used")
        status, answer = upload(servers[1], scan([1]), "import-staging", sessionId=listener.session_id)
        assert (status, answer["error"]["code"]) == (409, "SESSION_IN_USE")
        listener.until_the_end()


def test_an_import_is_cancelled_and_confirmed_from_either_process(servers, long_scan):
    with listening(servers[0]) as listener:
        _, answer = upload(servers[0], long_scan, "import-staging", sessionId=listener.session_id, source="cancel")
        until(lambda: listener.next_event()[1]["progress"] > 5)
        for server in servers:
            status, cancelled = post(server, f"/api/imports/{answer['importId']}/cancel")
            assert (status, cancelled.get("state", "already")) in ((200, "cancelled"), (409, "already"))
        assert listener.until_the_end()[-1][1]["error"]["code"] == "CANCELLED"
    with ExitStack() as stack:
        one, other = watch_in_both(stack, servers)
        _, answer = upload(
            servers[0], scan([1]), "import-staging", sessionId=one.session_id, preview="true", source="ask"
        )
        until(lambda: other.next_event()[1]["metadata"].get("awaitingConfirmation"))
        assert post(servers[1], f"/api/imports/{answer['importId']}/confirm")[0] == 200
        for listener in (one, other):
            assert listener.until_the_end()[-1][0] == "progress-complete"


def test_any_program_that_speaks_the_protocol_of_the_queue_is_heard(servers, redis):
    with listening(servers[1]) as listener:
        message = {"method": "emit", "event": "progress-update", "data": [{"n": 1}], "namespace": "/",
                   "room": f"progress-{listener.session_id}", "host_id": "another"}  # fmt: skip
        assert redis.client.publish("hextrackr", json.dumps(message)) == 2
        assert listener.next_event() == ("progress-update", {"n": 1})


@pytest.mark.parametrize("trouble", ["kill", "hang"])
def test_imports_go_on_without_redis_and_every_watcher_learns_of_the_end(servers, redis, long_scan, trouble):
    with ExitStack() as stack:
        one, other = watch_in_both(stack, servers)
        upload(servers[0], long_scan, "import-staging", sessionId=one.session_id, source=trouble)
        until(lambda: one.next_event()[1]["progress"] > 5)
        getattr(redis, trouble)()
        for listener in (one, other):
            name, end = listener.until_the_end()[-1]
            assert (name, end["metadata"]["inserted"]) == ("progress-complete", 30_000)
        for server in servers:
            status, ready = get(server, "/ready")
            assert (status, ready["checks"]["store"]) == (503, "Redis does not answer")
            assert get(server, "/health")[0] == get(server, "/api/imports")[0] == 200
            assert upload(server, scan([7]), source=f"{trouble} {server.address}")[1]["state"] == "completed"
    if trouble == "kill":
        redis.start()
    else:
        redis.go_on()
    for server in servers:
        until(lambda server=server: get(server, "/ready")[0] == 200)
    until(lambda: redis.client.pubsub_numsub("hextrackr")[0][1] == 2)
    with ExitStack() as stack:
        one, other = watch_in_both(stack, servers)
        upload(servers[0], scan(range(50)), "import-staging", sessionId=one.session_id, source=f"{trouble} again")
        assert_the_same_is_seen(one, other)


def test_requests_are_counted_over_all_processes_and_in_each_while_redis_is_away(tmp_path, redis):
    with two_processes(tmp_path, redis, API_RATE_LIMIT="6 per hour") as servers:
        asked = [get(servers[turn % 2], "/api/imports")[0] for turn in range(8)]
        assert asked == [200] * 6 + [429] * 2
        redis.kill()
        alone = [get(servers[0], "/api/imports")[0] for _ in range(8)]
        assert 200 in alone and alone[-1] == 429
        redis.start()


def test_an_import_by_command_is_told_to_who_watches_in_the_servers(servers, redis, tmp_path):
    path = tmp_path / "by-command.csv"
    path.write_bytes(scan(range(20)))
    command = [sys.executable, "-W", "ignore", "-m", "flask", "import-csv", str(path), "--source", "by command"]
    environment = environment_of(servers[0].instance, REDIS_URL=redis.url)
    channel = redis.client.pubsub(ignore_subscribe_messages=True)
    channel.subscribe("hextrackr")
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    heard = []
    while not heard or heard[-1]["event"] != "progress-complete":
        message = channel.get_message(timeout=10)
        assert message is not None or heard == []
        if message:
            heard.append(json.loads(message["data"]))
    channel.close()
    assert heard[-1]["data"][0]["metadata"]["inserted"] == 20
    assert get(servers[1], f"/api/progress/{heard[-1]['data'][0]['sessionId']}")[1]["status"] == "completed"
