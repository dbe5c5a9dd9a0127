"""When updates leave: never closer than the interval, and the last one before a silence is not lost."""

from __future__ import annotations

import pytest

from hextrackr.progress.tracker import ProgressTracker

UUID = "6f1c2a34-1111-4222-8333-444455556666"


@pytest.mark.parametrize(
    ("reported_at", "sent_at"),
    [
        pytest.param([0], [0], id="the first leaves at once"),
        pytest.param([0, 120], [0, 120], id="one interval apart, both leave at once"),
        pytest.param([0, 119], [0, 120], id="a little early is held back"),
        pytest.param([0, 10, 20, 30], [0, 120], id="many become one"),
        pytest.param([0, 10, 130], [0, 120, 240], id="what was held back counts as the one before"),
        pytest.param([0, 10, 500], [0, 120, 500], id="after a silence at once again"),
    ],
)
def test_instants(tracker, events, clock, reported_at, sent_at):
    tracker.create_session_with_id(UUID)
    for instant in reported_at:
        clock.advance(instant - clock.monotonic)
        tracker.update_progress(UUID, instant / 10)
    clock.advance(1000)
    assert events.instants("progress-update") == sent_at


def test_what_was_held_back_is_sent_in_its_newest_state(tracker, events, clock):
    tracker.create_session_with_id(UUID)
    for progress in (1, 2, 3):
        tracker.update_progress(UUID, progress, f"at {progress}")
    clock.advance(120)
    assert events.last()["message"] == "at 3"
    assert events.last()["progress"] == 3.0


def test_a_timer_that_comes_late_sends_nothing_before_the_next_interval_is_over(tracker, events, clock):
    clock.late = 5
    tracker.create_session_with_id(UUID)
    # The third leaves at once, before the timer of the second; the fourth has to wait.
    for instant in (0, 10, 121, 122):
        clock.advance(instant - clock.monotonic)
        tracker.update_progress(UUID, instant / 10)
    clock.advance(1000)
    assert events.instants("progress-update") == [0, 121, 246]


def test_a_terminal_event_is_never_held_back(tracker, events, clock):
    tracker.create_session_with_id(UUID)
    tracker.update_progress(UUID, 1)
    clock.advance(1)
    tracker.complete_session(UUID)
    assert events.instants("progress-complete") == [1]


def test_sessions_do_not_hold_each_other_back(tracker, events):
    other = UUID.replace("6666", "7777")
    for session_id in (UUID, other):
        tracker.create_session_with_id(session_id)
        tracker.update_progress(session_id, 1)
    assert [room for _, _, _, room in events.events] == [f"progress-{UUID}", f"progress-{other}"]


def test_a_session_reopened_under_its_id_is_not_sent_its_predecessors_update(tracker, events, clock):
    tracker.create_session_with_id(UUID)
    tracker.update_progress(UUID, 1)
    tracker.update_progress(UUID, 50)
    tracker.error_session(UUID, {"code": "INTERNAL", "detail": "x"})
    tracker.create_session_with_id(UUID)
    clock.advance(1000)
    assert events.names() == ["progress-update", "progress-error"]


@pytest.mark.parametrize(("setting", "spacing"), [(50, 100), (100, 100), (250, 250)])
def test_the_interval_is_a_setting_with_100_ms_as_its_lower_bound(events, clock, setting, spacing):
    tracker = ProgressTracker(events, clock, interval_ms=setting)
    tracker.create_session_with_id(UUID)
    for _ in range(100):
        tracker.update_progress(UUID, 1)
        clock.advance(10)
    instants = events.instants("progress-update")
    assert {later - earlier for earlier, later in zip(instants, instants[1:], strict=False)} == {spacing}
