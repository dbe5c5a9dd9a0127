"""Live sessions in Redis: what one process writes another reads, whatever Redis does in between."""

from __future__ import annotations

import time

import pytest

from hextrackr.errors import Conflict
from hextrackr.progress.tracker import ProgressTracker
from tests.support.waiting import until

pytestmark = pytest.mark.system

ID = "6f1c2a34-0000-4000-8000-000000000000"


@pytest.fixture
def tracker(process, clock):
    """A tracker of a process of its own, with the parts it shares."""

    def open_tracker(emit=lambda *_: None):
        shared = process()
        tracker = ProgressTracker(emit, clock, store=shared.sessions)
        tracker.shared = shared
        return tracker

    return open_tracker


@pytest.fixture
def two(tracker):
    return tracker(), tracker()


def test_a_process_reads_what_another_has_written(two):
    one, other = two
    one.create_session_with_id(ID, {"operation": "csv-import", "filename": "scan.csv"})
    one.update_progress(ID, 42.5, "Loading")
    told = until(lambda: other.snapshot(ID))
    until(lambda: other.snapshot(ID)["progress"] == 42.5)
    mine = one.snapshot(ID)
    told = other.snapshot(ID)
    for name in ("id", "sessionId", "progress", "status", "message", "startTime", "lastUpdate", "metadata"):
        assert told[name] == mine[name]


def test_the_end_is_read_with_its_duration_and_error(two):
    one, other = two
    one.create_session_with_id(ID)
    one.error_session(ID, {"code": "DISK_FULL", "detail": "There is no space left."})
    until(lambda: (other.snapshot(ID) or {}).get("status") == "error")
    assert other.snapshot(ID)["error"] == one.snapshot(ID)["error"]
    assert other.snapshot(ID)["duration"] == one.snapshot(ID)["duration"]


@pytest.mark.parametrize("ahead", [-3_600_000, 10 * 365 * 24 * 3_600_000])
def test_a_session_that_another_process_ends_took_as_long_as_it_took_whatever_the_clock_says(two, clock, ahead):
    one, other = two
    one.create_session_with_id(ID)
    until(lambda: other.snapshot(ID))
    wall = clock.now_ms
    clock.now_ms = lambda: wall() + ahead
    other.complete_session(ID)
    assert 0 <= other.snapshot(ID)["duration"] < 60_000


def test_an_id_in_use_is_in_use_everywhere(two):
    one, other = two
    one.create_session_with_id(ID)
    until(lambda: other.snapshot(ID))
    with pytest.raises(Conflict):
        other.create_session_with_id(ID)


def test_a_session_is_handed_over_and_back_and_its_numbers_go_on(two):
    one, other = two
    one.create_session_with_id(ID)
    until(lambda: other.snapshot(ID))
    assert other.open_session(ID, sequence=500_000) is False
    other.update_progress(ID, 60.0)
    until(lambda: one.snapshot(ID)["progress"] == 60.0)
    assert one.update_progress(ID, 0.0, "Confirmed")
    told = one.snapshot(ID)
    assert (told["progress"], told["message"]) == (60.0, "Confirmed")
    assert told["metadata"]["sequence"] == 500_002
    until(lambda: other.snapshot(ID)["message"] == "Confirmed")


def test_updates_of_two_processes_are_as_far_apart_as_those_of_one(tracker, clock):
    told = []
    one, other = (
        tracker(lambda _event, snapshot, _room: told.append((clock.monotonic_ms(), snapshot["progress"])))
        for _ in range(2)
    )
    one.create_session_with_id(ID)
    one.update_progress(ID, 1.0)
    until(lambda: (other.snapshot(ID) or {}).get("progress") == 1.0)
    other.open_session(ID, sequence=500_000)
    other.update_progress(ID, 2.0)
    until(lambda: len(told) == 2)
    (first, _), (second, progress) = told
    assert second - first >= 100 and progress == 2.0


def test_who_takes_a_session_over_before_redis_has_it_waits_for_its_turn_too(tracker, clock, redis):
    told = []
    one, other = (
        tracker(lambda _event, snapshot, _room: told.append((clock.monotonic_ms(), snapshot["progress"])))
        for _ in range(2)
    )
    redis.hang()
    one.create_session_with_id(ID)
    one.update_progress(ID, 1.0)
    other.open_session(ID, sequence=500_000)
    other.update_progress(ID, 2.0)
    redis.go_on()
    until(lambda: len(told) == 2)
    (first, _), (second, progress) = told
    assert second - first >= 100 and progress == 2.0


def test_who_joins_in_another_process_is_told_no_end_that_still_waits(two):
    one, other = two
    one.create_session_with_id(ID)
    one.update_progress(ID, 1.0, "Loading")
    one.complete_session(ID, "Done")
    until(lambda: (other.snapshot(ID) or {}).get("status") == "completed")
    while (told := other.snapshot(ID, joining=True))["status"] != "completed":
        assert told["message"] == "Loading"
    assert not one.has_waiting


def test_an_id_that_is_used_again_never_tells_the_end_of_before(two):
    one, other = two
    one.create_session_with_id(ID, sequence=1_000_000)
    one.complete_session(ID)
    until(lambda: (other.snapshot(ID) or {}).get("status") == "completed")
    other.create_session_with_id(ID)
    assert other.snapshot(ID)["status"] == "initialized"
    assert other.update_progress(ID, 5.0)
    until(lambda: one.snapshot(ID)["status"] == "processing")


def test_a_session_that_redis_has_lost_is_written_again(two, redis):
    one, other = two
    one.create_session_with_id(ID)
    until(lambda: other.snapshot(ID))
    redis.client.flushall()
    assert other.snapshot(ID) is None
    one.update_progress(ID, 5.0)
    until(lambda: (other.snapshot(ID) or {}).get("progress") == 5.0)


def test_sessions_run_out_by_themselves(two, redis):
    one, _ = two
    one.create_session_with_id(ID)
    until(lambda: redis.client.pttl(f"hextrackr:session:{ID}") > 3_500_000)
    one.complete_session(ID)
    until(lambda: 0 < redis.client.pttl(f"hextrackr:session:{ID}") <= 60_000)


@pytest.mark.parametrize("trouble", ["kill", "hang"])
def test_while_redis_is_away_each_has_its_own_and_then_they_agree_again(two, redis, trouble):
    one, other = two
    one.create_session_with_id(ID)
    until(lambda: other.snapshot(ID))
    getattr(redis, trouble)()
    for step in range(50):
        one.update_progress(ID, step)
    assert one.snapshot(ID)["progress"] == 49
    until(lambda: not one.shared.sessions.reachable)
    one.complete_session(ID)
    assert other.snapshot(ID) is None
    assert other.shared.check() == "Redis does not answer"
    redis.go_on() if trouble == "hang" else redis.start()
    until(lambda: one.shared.sessions.reachable and other.shared.sessions.reachable)
    until(lambda: (other.snapshot(ID) or {}).get("status") == "completed")
    assert other.shared.check() == "ok"


def test_only_the_first_question_waits_for_a_redis_that_hangs(tracker, redis):
    """Then nobody asks it but the publisher: fifty waits would take as many seconds."""
    one = tracker()
    assert one.shared.check() == "ok"
    redis.hang()
    began = time.monotonic()
    one.create_session_with_id(ID)
    for step in range(50):
        one.update_progress(ID, step)
    waited = time.monotonic() - began
    redis.go_on()
    assert waited < 25
