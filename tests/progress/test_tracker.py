"""Sessions: their shape, their life, their events."""

from __future__ import annotations

import uuid

import pytest

from hextrackr.errors import Conflict, InvalidSessionId, TooMany
from hextrackr.progress.session import MemoryStore, Session
from hextrackr.progress.tracker import ProgressTracker

UUID = "6f1c2a34-1111-4222-8333-444455556666"


def test_a_new_session_has_the_documented_shape(tracker, clock):
    session_id = tracker.create_session({"operation": "csv-import", "filename": "scan.csv", "totalSteps": 3})

    session = tracker.get_session(session_id)

    assert uuid.UUID(session_id)
    assert session == {
        "id": session_id,
        "progress": 0.0,
        "status": "initialized",
        "startTime": clock.wall,
        "lastUpdate": clock.wall,
        "metadata": {
            "operation": "csv-import",
            "filename": "scan.csv",
            "scanDate": None,
            "totalSteps": 3,
            "currentStep": 0,
            "message": "",
            "sequence": 1,
        },
    }


def test_every_payload_has_the_documented_shape(tracker, events, clock):
    tracker.create_session_with_id(UUID, {"operation": "csv-import"})
    clock.advance(50)
    tracker.update_progress(UUID, 12.34, "Reading", {"rowsRead": 7})

    [(_, name, payload, room)] = events.events

    assert (name, room) == ("progress-update", f"progress-{UUID}")
    assert payload["sessionId"] == payload["id"] == UUID
    assert (payload["progress"], payload["message"], payload["status"]) == (12.3, "Reading", "processing")
    assert (payload["timestamp"], payload["startTime"], payload["lastUpdate"]) == (
        clock.wall,
        clock.wall - 50,
        clock.wall,
    )
    assert payload["metadata"]["rowsRead"] == 7
    assert payload["metadata"]["message"] == "Reading"


@pytest.mark.parametrize("value", [UUID, UUID.upper(), "import_1787220000000_k3j9x0q2f", "a-_4" * 2, "x" * 64])
def test_what_is_a_session_id(tracker, value):
    assert tracker.create_session_with_id(value) == value


@pytest.mark.parametrize(
    "value",
    ["", "abcdefg", "x" * 65, "{" + UUID + "}", UUID + "\n", "a b c d e", "../../etc", "ümlaut-12", None, 7, [UUID]],
)
def test_what_is_none(tracker, value):
    with pytest.raises(InvalidSessionId):
        tracker.create_session_with_id(value)


def test_an_id_in_use_is_refused_until_its_session_has_ended(tracker):
    tracker.create_session_with_id(UUID)
    with pytest.raises(Conflict) as refusal:
        tracker.create_session_with_id(UUID)
    assert refusal.value.code == "SESSION_IN_USE"

    tracker.complete_session(UUID)
    assert tracker.create_session_with_id(UUID) == UUID


def test_progress_never_goes_back_and_stays_within_its_scale(tracker):
    tracker.create_session_with_id(UUID)
    seen = []
    for reported in (10, 5, -3, 40.06, 250):
        tracker.update_progress(UUID, reported)
        seen.append(tracker.get_session(UUID)["progress"])
    assert seen == [10.0, 10.0, 10.0, 40.1, 100.0]


def test_the_sequence_rises_with_every_change(tracker, events, clock):
    tracker.create_session_with_id(UUID)
    for progress in range(5):
        tracker.update_progress(UUID, progress)
        clock.advance(200)
    tracker.complete_session(UUID)
    assert len(events.events) == 6
    sequences = [payload["metadata"]["sequence"] for _, _, payload, _ in events.events]
    assert sequences == sorted(set(sequences))


def test_what_was_said_last_is_said_again(tracker, events, clock):
    tracker.create_session_with_id(UUID)
    tracker.update_progress(UUID, 40, "Loading", {"rowsRead": 9})
    clock.advance(300)
    assert tracker.repeat(UUID)
    (_, _, once, _), (_, _, again, _) = events.events
    assert again["metadata"].pop("sequence") > once["metadata"].pop("sequence")
    assert again.pop("timestamp") - once.pop("timestamp") == again.pop("lastUpdate") - once.pop("lastUpdate") == 300
    assert again == once


def test_there_is_nothing_to_say_again_of_what_has_ended(tracker, events):
    assert not tracker.repeat(UUID)
    tracker.create_session_with_id(UUID)
    tracker.complete_session(UUID)
    assert not tracker.repeat(UUID)
    assert events.names() == ["progress-complete"]


def test_a_resumed_session_numbers_on_from_where_it_is_told(tracker):
    tracker.create_session_with_id(UUID, sequence=1_000_000)
    tracker.update_progress(UUID, 1)
    assert tracker.get_session(UUID)["metadata"]["sequence"] == 1_000_001


def test_a_session_that_another_process_stores_meanwhile_is_taken_over(events, clock):
    """The web process opens the session of an import that a worker has begun to work on already."""

    class Shared(MemoryStore):
        def get(self, session_id):
            held = super().get(session_id)
            if held is None:  # by the next look it is there
                self.put(Session(session_id, {}, start_time=clock.wall, started=clock.monotonic))
            return held

    tracker = ProgressTracker(events, clock, store=Shared())
    assert tracker.open_session(UUID, {"operation": "csv-import"}, sequence=500_000)
    assert tracker.update_progress(UUID, 5)
    clock.advance(200)
    assert events.last()["metadata"]["sequence"] == 500_001


def test_completion_carries_the_figures_and_the_duration(tracker, events, clock):
    tracker.create_session_with_id(UUID, {"operation": "csv-import"})
    clock.advance(1234)
    tracker.complete_session(UUID, "Done.", {"recordsCreated": 99, "inserted": 99})
    other = tracker.create_session()
    tracker.complete_session(other, duration=7)

    (_, name, payload, _), (_, _, of_work, _) = events.events

    assert of_work["duration"] == of_work["metadata"]["duration"] == 7
    assert (name, payload["status"], payload["progress"]) == ("progress-complete", "completed", 100.0)
    assert payload["duration"] == payload["metadata"]["duration"] == 1234
    assert payload["metadata"]["recordsCreated"] == payload["metadata"]["inserted"] == 99


def test_an_error_keeps_the_progress_where_it_stopped(tracker, events, clock):
    """It is told as a status too: there are clients that know no ``progress-error``."""
    tracker.create_session_with_id(UUID)
    tracker.update_progress(UUID, 42)
    clock.advance(200)
    tracker.error_session(UUID, {"code": "UNREADABLE_CSV", "detail": "The file is empty."}, message="It failed.")

    payload = events.last()

    assert events.names() == ["progress-update", "progress-status", "progress-error"]
    assert events.events[-2][2] == payload
    assert (payload["status"], payload["progress"], payload["message"]) == ("error", 42.0, "It failed.")
    assert payload["error"] == {"code": "UNREADABLE_CSV", "detail": "The file is empty."}


@pytest.mark.parametrize("end", ["complete", "error"])
def test_nothing_follows_a_terminal_event(tracker, events, clock, end):
    tracker.create_session_with_id(UUID)
    tracker.update_progress(UUID, 10)
    tracker.update_progress(UUID, 20)  # waits
    if end == "complete":
        tracker.complete_session(UUID)
    else:
        tracker.error_session(UUID, {"code": "INTERNAL", "detail": "x"})

    assert not tracker.update_progress(UUID, 99)
    assert not tracker.complete_session(UUID)
    assert not tracker.error_session(UUID, {"code": "INTERNAL", "detail": "x"})
    clock.advance(10_000)

    assert [name for name in events.names() if name != "progress-status"] == ["progress-update", f"progress-{end}"]


def test_a_late_report_on_an_unknown_session_is_no_error(tracker):
    assert not tracker.update_progress(UUID, 1)
    assert tracker.get_session(UUID) is None
    assert tracker.snapshot(UUID) is None


@pytest.mark.parametrize(("idle_ms", "held"), [(3_599_999, True), (3_600_000, False)])
def test_a_session_without_an_update_expires_after_one_hour(tracker, clock, idle_ms, held):
    tracker.create_session_with_id(UUID)
    clock.advance(1000)
    tracker.update_progress(UUID, 5)
    clock.advance(idle_ms)
    assert (tracker.get_session(UUID) is not None) is held


def test_a_finished_session_leaves_memory_soon(tracker, clock):
    tracker.create_session_with_id(UUID)
    tracker.complete_session(UUID)
    clock.advance(59_999)
    assert tracker.snapshot(UUID)["status"] == "completed"
    clock.advance(1)
    assert tracker.snapshot(UUID) is None


def test_a_wall_clock_set_back_neither_expires_nor_mutes_a_session(tracker, events, clock):
    tracker.create_session_with_id(UUID)
    tracker.update_progress(UUID, 5)
    clock.wall -= 3_600_000
    clock.advance(200)
    tracker.update_progress(UUID, 6)
    clock.advance(200)
    tracker.complete_session(UUID)
    assert events.names() == ["progress-update", "progress-update", "progress-complete"]
    assert events.last()["duration"] == 400


def test_finished_sessions_make_room_for_new_ones(events, clock):
    tracker = ProgressTracker(events, clock, max_sessions=2)
    ids = [tracker.create_session({"operation": "export"}) for _ in range(2)]
    with pytest.raises(TooMany):
        tracker.create_session({"operation": "export"})
    tracker.complete_session(ids[1], "Done")
    clock.advance(200)
    third = tracker.create_session({"operation": "export"})
    assert [tracker.get_session(number) is not None for number in (*ids, third)] == [True, False, True]
