"""When updates leave: never closer than the interval, and the last one before a silence is not lost."""

from __future__ import annotations

import pytest

from hextrackr.progress.tracker import ProgressTracker

UUID = "6f1c2a34-1111-4222-8333-444455556666"


@pytest.mark.parametrize(
    ("reported_at", "sent_at"),
    [
        pytest.param([0], [0], id="the first leaves at once"),
        pytest.param([0, 200], [0, 200], id="one interval apart, both leave at once"),
        pytest.param([0, 199], [0, 200], id="a little early waits"),
        pytest.param([0, 10, 20, 30], [0, 200], id="many become one"),
        pytest.param([0, 10, 210], [0, 200, 400], id="what has waited counts as the one before"),
        pytest.param([0, 10, 500], [0, 200, 500], id="after a silence at once again"),
    ],
)
def test_instants(tracker, events, clock, reported_at, sent_at):
    tracker.create_session_with_id(UUID)
    for instant in reported_at:
        clock.advance(instant - clock.monotonic)
        tracker.update_progress(UUID, instant / 10)
    clock.advance(1000)
    assert events.instants("progress-update") == sent_at


def test_what_has_waited_is_sent_in_its_newest_state(tracker, events, clock):
    tracker.create_session_with_id(UUID)
    for progress in (1, 2, 3):
        tracker.update_progress(UUID, progress, f"at {progress}")
    clock.advance(200)
    assert events.last()["message"] == "at 3"
    assert events.last()["progress"] == 3.0


def test_a_timer_that_comes_late_sends_nothing_before_the_next_interval_is_over(tracker, events, clock):
    clock.late = 5
    tracker.create_session_with_id(UUID)
    # The third leaves at once, before the timer of the second; the fourth has to wait.
    for instant in (0, 10, 201, 202):
        clock.advance(instant - clock.monotonic)
        tracker.update_progress(UUID, instant / 10)
    clock.advance(1000)
    assert events.instants("progress-update") == [0, 201, 406]


def test_the_beginning_of_a_step_is_always_told(tracker, events, clock):
    tracker.create_session_with_id(UUID)
    for step, message in ((1, "read"), (2, "stage"), (2, "staging"), (3, "staged"), (3, "compare"), (3, "commit")):
        tracker.update_progress(UUID, step, message, {"currentStep": step})
        clock.advance(1)
    tracker.complete_session(UUID, "done")
    clock.advance(1000)
    told = [(instant, payload["message"]) for instant, _, payload, _ in events.events]
    assert told == [(0, "read"), (200, "stage"), (400, "staged"), (550, "done")]


def test_the_beginning_of_a_step_is_told_in_its_newest_state(tracker, events, clock):
    tracker.create_session_with_id(UUID)
    for progress, step, message in (
        (1, 1, "read"),
        (2, 2, "stage"),
        (3, 2, "stage"),
        (4, 2, "other"),
        (5, 3, "staged"),
    ):
        tracker.update_progress(UUID, progress, message, {"currentStep": step})
        clock.advance(1)
    clock.advance(1000)
    told = [(instant, payload["progress"], payload["message"]) for instant, _, payload, _ in events.events]
    assert told == [(0, 1.0, "read"), (200, 3.0, "stage"), (400, 5.0, "staged")]


@pytest.mark.parametrize(("waits", "ends_at"), [(False, 150), (True, 200)])
def test_the_end_comes_a_while_after_the_last_update_and_in_place_of_one_that_waits(
    tracker, events, clock, waits, ends_at
):
    tracker.create_session_with_id(UUID)
    tracker.update_progress(UUID, 1)
    clock.advance(1)
    if waits:
        tracker.update_progress(UUID, 2)
    tracker.complete_session(UUID)
    clock.advance(1000)
    told = [(instant, name) for instant, name, _, _ in events.events]
    assert told == [(0, "progress-update"), (ends_at, "progress-complete")]


def test_where_nobody_watches_the_end_waits_for_nothing(events, clock):
    tracker = ProgressTracker(events, clock, is_watched=lambda room: room != f"progress-{UUID}")
    tracker.create_session_with_id(UUID)
    for step in (1, 2, 3):
        tracker.update_progress(UUID, step, metadata={"currentStep": step})
    tracker.complete_session(UUID)
    assert events.names() == ["progress-update", "progress-complete"]
    assert tracker.snapshot(UUID, joining=True)["status"] == "completed"


def test_who_comes_while_the_end_waits_is_told_what_the_others_know_and_then_the_end(tracker, events, clock):
    tracker.create_session_with_id(UUID)
    tracker.update_progress(UUID, 1, "read")
    for step in (2, 3):
        tracker.update_progress(UUID, step, f"step {step}", {"currentStep": step})
    tracker.complete_session(UUID, "done")
    seen = []
    while tracker.has_waiting:
        seen.append(tracker.snapshot(UUID, joining=True)["message"])
        assert tracker.snapshot(UUID)["status"] == "completed"  # for who only asks
        clock.advance(50)
    assert list(dict.fromkeys(seen)) == ["read", "step 2", "step 3"]
    assert tracker.snapshot(UUID, joining=True)["status"] == "completed"


def test_sessions_do_not_hold_each_other_back(tracker, events):
    other = UUID.replace("6666", "7777")
    for session_id in (UUID, other):
        tracker.create_session_with_id(session_id)
        tracker.update_progress(session_id, 1)
    assert [room for _, _, _, room in events.events] == [f"progress-{UUID}", f"progress-{other}"]


def test_a_session_reopened_under_its_id_is_not_sent_what_was_left_of_the_one_before(tracker, events, clock):
    tracker.create_session_with_id(UUID)
    tracker.update_progress(UUID, 1)
    tracker.update_progress(UUID, 50)
    tracker.error_session(UUID, {"code": "INTERNAL", "detail": "x"})
    before = tracker.get_session(UUID)["metadata"]["sequence"]
    tracker.create_session_with_id(UUID)
    clock.advance(1000)
    assert events.names() == ["progress-update"]
    assert (tracker.snapshot(UUID)["status"], tracker.snapshot(UUID)["metadata"]["sequence"]) == (
        "initialized",
        before + 1,
    )


def test_a_session_that_another_process_may_have_told_of_waits_for_its_turn(tracker, events, clock):
    tracker.open_session(UUID)
    tracker.update_progress(UUID, 1)
    clock.advance(1000)
    assert events.instants("progress-update") == [200]


@pytest.mark.parametrize(("setting", "spacing"), [(50, 100), (100, 100), (250, 250)])
def test_the_interval_is_a_setting_with_100_ms_as_its_lower_bound(events, clock, setting, spacing):
    tracker = ProgressTracker(events, clock, interval_ms=setting)
    tracker.create_session_with_id(UUID)
    for _ in range(100):
        tracker.update_progress(UUID, 1)
        clock.advance(10)
    instants = events.instants("progress-update")
    assert {later - earlier for earlier, later in zip(instants, instants[1:], strict=False)} == {spacing}
