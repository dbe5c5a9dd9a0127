"""An import that goes from process to process: how its events are numbered, and which word counts."""

from __future__ import annotations

import itertools
from unittest.mock import Mock

import pytest
from sqlalchemy.exc import OperationalError

from hextrackr.domain.models import Import, ImportState
from hextrackr.domain.resolve_guard import YES
from hextrackr.errors import Cancelled, Conflict
from hextrackr.jobs import process_id, snapshots
from hextrackr.jobs.backups.service import Entry
from hextrackr.jobs.progress_reporter import ProgressReporter
from hextrackr.jobs.queue import now_ms
from hextrackr.jobs.snapshots import ImportSnapshots
from hextrackr.progress.tracker import ProgressTracker
from tests.support.clock import FakeClock, Recorder
from tests.support.waiting import until

SESSION = "6f1c2a34-0000-4000-8000-000000000000"
OTHER = "6f1c2a34-0000-4000-8000-000000000001"


def record(state="queued", attempts=0, owner="", **columns):
    lease = now_ms() + 30_000 if owner else 0
    return Import(id=7, session_id=SESSION, filename="f", vendor="", state=state, attempts=attempts, owner=owner, lease_until=lease,
                  created_at=1, preview=False, **{"work": {}, "summary": {}, **columns})  # fmt: skip


@pytest.fixture
def events():
    return Recorder(FakeClock())


@pytest.fixture
def tracker(events):
    return ProgressTracker(events, events.clock)


def line(progress):
    return {"progress": progress, "message": "Loading", "metadata": {"currentStep": 2}}


def test_each_stage_of_an_imports_life_is_numbered_above_the_one_before():
    life = [record(), record("reading", 1, "a"), record("queued", 1), record("staging", 2, "b"), record("promoting", 3, "b"),
            record("awaiting-confirmation", 3), record("promoting", 3), record("promoting", 4, "c")]  # fmt: skip
    first = [snapshots.first_sequence(each) for each in life]
    for before, after in itertools.pairwise(first):
        assert after == before or after - before > 100_000  # room for the events of hours
    assert first == sorted(first)


def test_a_takeover_goes_on_above_what_was_told(tracker, events):
    reporter = ProgressReporter(tracker)
    reporter.queued(record())
    reporter.taken(record("reading", 1, "a"))
    reporter.progressed(record("reading", 1, "a"), line(40.0))
    reporter.resumed(record("queued", 1))
    reporter.taken(record("reading", 2, "b"))
    events.clock.advance(1_000)
    reporter.progressed(record("reading", 2, "b"), line(1.0))
    sequences = [payload["metadata"]["sequence"] for _, _, payload, _ in events.events]
    assert sequences == sorted(set(sequences))
    assert events.last()["progress"] == 40.6  # 1 % of what is left to the bar


def test_after_its_question_the_bar_goes_on_from_where_it_stood_though_the_server_was_restarted(tracker, events):
    asked = {"forecast": {"resolved": 5, "openBefore": 6}, "work": {"progress": 40.0}}
    reporter = ProgressReporter(tracker)
    reporter.reopened(record("awaiting-confirmation", 1, **asked))
    assert tracker.get_session(SESSION)["progress"] == 40.0
    reporter.confirmed(record("promoting", 1, **asked), YES)
    reporter.taken(record("promoting", 2, "b", **asked))
    reporter.progressed(record("promoting", 2, "b"), line(50.0))
    assert tracker.get_session(SESSION)["progress"] == 70.0


def test_rows_done_do_not_shrink_when_their_step_begins_again_after_a_question(tracker):
    def rows(step, done):
        metadata = {"currentStep": step, "rowsDone": done, "totalRows": 1_000}
        reporter.progressed(record("promoting"), {**line(50.0), "metadata": metadata})
        return tracker.get_session(SESSION)["metadata"]["rowsDone"]

    asked = {"forecast": {"resolved": 5, "openBefore": 6}}
    reporter = ProgressReporter(tracker)
    reporter.taken(record("staging", 1, "a"))
    assert [rows(2, 900), rows(3, 600)] == [900, 600]
    reporter.awaiting(record("awaiting-confirmation", 1, **asked))
    reporter.confirmed(record("promoting", 1, **asked), YES)
    reporter.taken(record("promoting", 2, "b", **asked))
    assert [rows(3, 200), rows(3, 700)] == [600, 700]


def test_while_the_lists_are_brought_up_to_date_the_bar_goes_on(tracker, events):
    reporter = ProgressReporter(tracker)
    reporter.taken(record("promoting", 1, "a"))
    metadata = {"currentStep": 3, "etaSeconds": 0.01, "rowsDone": 600, "totalRows": 1_000, "rowsPerSecond": 9}
    reporter.progressed(record("promoting", 1, "a"), {**line(90.0), "metadata": metadata})
    tick = reporter.refreshing(record("completed", 1, "a"), lambda: 0.0)
    until(lambda: tick() or tracker.get_session(SESSION)["progress"] > 95.0)
    told = tracker.get_session(SESSION)["metadata"]
    assert told["phase"] == "refresh" and 600 < told["rowsDone"] <= 1_000 and told["rowsPerSecond"] > 9


def test_the_time_that_the_lists_take_goes_by_how_far_they_are(tracker, events, monkeypatch):
    """They were expected to take ten seconds, and take twenty."""
    now = 0.0
    monkeypatch.setattr("hextrackr.jobs.progress_reporter.time.monotonic", lambda: now)
    reporter = ProgressReporter(tracker)
    reporter.taken(record("promoting", 1, "a"))
    metadata = {"currentStep": 3, "etaSeconds": 10.0, "rowsDone": 600, "totalRows": 1_000, "rowsPerSecond": 9}
    reporter.progressed(record("promoting", 1, "a"), {**line(90.0), "metadata": metadata})
    tick = reporter.refreshing(record("completed", 1, "a"), lambda: now / 20)
    left = {}
    for now in range(2, 20, 2):
        tick()
        left[now] = tracker.get_session(SESSION)["metadata"]["etaSeconds"]
    assert left[2] < 10 and all(left[now] == pytest.approx(20 - now, rel=0.25) for now in range(8, 20, 2))


@pytest.mark.parametrize("waited", [True, False])
def test_who_has_waited_is_told_that_its_turn_has_come(tracker, waited):
    reporter = ProgressReporter(tracker)
    reporter.queued(record())
    if waited:
        reporter.waiting(record(), 2)
        assert tracker.get_session(SESSION)["metadata"]["message"] == "Waiting for 2 other imports to finish..."
    reporter.taken(record("reading", 1, "a"))
    told = tracker.get_session(SESSION)["metadata"]
    assert told["message"].endswith("he import is about to start.") and not told.get("queuePosition")


def test_that_no_worker_takes_an_import_is_told_once(tracker, events):
    reporter = ProgressReporter(tracker)
    reporter.queued(record())
    for _ in range(3):
        events.clock.advance(1_000)
        reporter.unattended(record(), 1)
    assert [payload["message"].startswith("Waiting for a worker") for _, _, payload, _ in events.events] == [
        False,
        True,
    ]


def test_who_takes_an_import_first_opens_its_session_and_the_upload_is_no_conflict(tracker):
    reporter = ProgressReporter(tracker)
    reporter.taken(record("reading", 1, "a"))
    reporter.queued(record())
    tracker.create_session_with_id(OTHER)
    other = record()
    other.session_id = OTHER
    with pytest.raises(Conflict):
        reporter.queued(other)


def test_of_an_upload_that_is_taken_before_it_is_told_only_its_taker_tells(tracker, events):
    reporter = ProgressReporter(tracker)
    with reporter.reserved(SESSION):
        pass  # it is put on record, and somebody takes it at once
    reporter.taken(record("reading", 1, "a"))
    reporter.queued(record())
    assert events.events == []
    reporter.silent(record("reading", 1, "a"))
    events.clock.advance(1_000)
    reporter.progressed(record("reading", 1, "a"), line(40.0))
    first, second = (payload for _, _, payload, _ in events.events)
    assert first["message"] == "Upload complete. The import is about to start."
    assert first["metadata"]["filename"] == "f" and first["metadata"]["importId"] == 7
    assert 500_000 < first["metadata"]["sequence"] < second["metadata"]["sequence"]


def test_an_import_goes_on_untold_where_there_is_no_room_for_its_session(events):
    tracker = ProgressTracker(events, events.clock, max_sessions=0)
    reporter = ProgressReporter(tracker)
    reporter.taken(record("reading", 1, "a"))
    reporter.progressed(record("reading", 1, "a"), line(40.0))
    assert events.events == []


class Rows:
    """Stands for the import rows."""

    def __init__(self, found):
        self.found = found

    def has_session(self, _):
        return self.found is not None

    def of_session(self, _):
        return self.found


@pytest.mark.parametrize(
    ("row", "reachable", "progress", "status"),
    [
        (record("staging", 1, "elsewhere"), True, 33.0, "processing"),
        (record("staging", 1, "elsewhere"), False, 33.0, "processing"),
        (record("promoting", 1, "elsewhere"), False, 33.0, "processing"),
        (record("staging", 1, process_id.own()), False, 33.0, "processing"),
        (record("queued"), False, 33.0, "processing"),
        (record("cancelled", 1), True, 33.0, "error"),
        (record("cancelled", 1), False, 33.0, "error"),
        (None, False, 33.0, "processing"),
    ],
)
def test_the_row_counts_where_it_knows_more_than_this_process(tracker, row, reachable, progress, status):
    tracker.create_session_with_id(SESSION, {"importId": 7})
    tracker.update_progress(SESSION, 33.0)
    told = ImportSnapshots(tracker, Rows(row), reachable=lambda: reachable).find(SESSION)
    assert (told["progress"], told["status"]) == (progress, status)


def asking():
    told = {"resolved": 3000, "openBefore": 4000}
    return record("awaiting-confirmation", 1, forecast=told, warnings=[])


@pytest.mark.parametrize("reachable", [True, False])
@pytest.mark.parametrize(
    ("row", "status", "awaiting"),
    [
        (record("staging", 1, process_id.own()), "processing", None),
        (record("cancelled", 1), "error", None),
        (asking(), "processing", True),
    ],
)
def test_what_the_row_says_of_an_end_or_a_question_is_known_at_once(tracker, reachable, row, status, awaiting):
    tracker.create_session_with_id(SESSION, {"importId": 7})
    tracker.update_progress(SESSION, 33.0)
    told = ImportSnapshots(tracker, Rows(row), reachable=lambda: reachable).find(SESSION)
    assert (told["progress"], told["status"]) == (33.0, status)
    assert told["metadata"].get("awaitingConfirmation") is awaiting
    assert not awaiting or "would resolve 3,000 of the 4,000 open findings" in told["message"]


@pytest.mark.parametrize("owner", [process_id.own(), "elsewhere"], ids=["own", "elsewhere"])
def test_what_is_told_of_an_end_beforehand_is_numbered_no_higher_than_the_word_to_come(tracker, owner):
    tracker.create_session_with_id(SESSION, {"importId": 7})
    tracker.update_progress(SESSION, 33.0)
    before = ImportSnapshots(tracker, Rows(record("cancelled", 1, owner))).find(SESSION)
    tracker.error_session(SESSION, Cancelled().record())
    after = tracker.snapshot(SESSION)
    assert before["status"] == after["status"] == "error"
    assert (before["metadata"]["sequence"] <= after["metadata"]["sequence"]) == (owner == process_id.own())


@pytest.mark.parametrize("reserved", [True, False], ids=["about to be queued", "queued"])
def test_a_session_id_that_is_used_again_tells_nothing_of_the_import_before(tracker, reserved):
    tracker.create_session_with_id(SESSION, {} if reserved else {"importId": 8})
    told = ImportSnapshots(tracker, Rows(record("completed", 1, finished_at=5))).find(SESSION)
    assert told["status"] == "initialized"


def test_a_session_that_has_ended_here_tells_nothing_of_the_import_that_has_its_id_now(tracker):
    tracker.create_session_with_id(SESSION, {"importId": 6})
    tracker.complete_session(SESSION)
    assert ImportSnapshots(tracker, Rows(record("staging", 1, "elsewhere"))).find(SESSION)["status"] == "processing"


def test_a_row_that_has_ended_tells_where_it_stopped_what_failed_and_why():
    work = {"progress": 41.5, "currentStep": 2, "duration": 1_500, "stepSeconds": {"reading": 1.0, "staging": 0.5}}
    row = record(
        "failed", 1, work=work, error_code="DISK_FULL", error_detail="No space.", started_at=4, finished_at=2_000
    )
    told = snapshots.snapshot(row, 5)
    assert (told["progress"], told["metadata"]["currentStep"], told["duration"]) == (41.5, 2, 1_500)
    assert (told["metadata"]["stepSeconds"], told["metadata"]["queuedMs"]) == (work["stepSeconds"], 3)
    assert (told["message"], told["error"]["detail"]) == ("The import of f failed.", "No space.")


def test_a_question_that_was_told_is_the_trackers(tracker):
    tracker.create_session_with_id(SESSION, {"importId": 7})
    tracker.update_progress(SESSION, 60.0, metadata={"awaitingConfirmation": True})
    assert ImportSnapshots(tracker, Rows(asking())).find(SESSION) == tracker.snapshot(SESSION)


def test_the_tracker_is_believed_where_the_database_does_not_answer(tracker):
    rows = Mock(of_session=Mock(side_effect=OperationalError("", {}, OSError())))
    with pytest.raises(OperationalError):
        ImportSnapshots(tracker, rows).find(SESSION)
    tracker.create_session_with_id(SESSION, {"importId": 7})
    tracker.update_progress(SESSION, 33.0)
    assert ImportSnapshots(tracker, rows).find(SESSION)["progress"] == 33.0


def test_the_snapshot_of_a_row_is_numbered_as_its_events_are():
    running = snapshots.snapshot(record("staging", 2, "elsewhere"), 5)
    assert running["metadata"]["sequence"] == snapshots.first_sequence(record("staging", 2, "elsewhere"))
    assert (running["progress"], running["message"]) == (0.0, "Loading data to staging table...")
    ended = snapshots.snapshot(record(ImportState.CANCELLED, 2), 5)
    assert ended["metadata"]["sequence"] > snapshots.first_sequence(record("staging", 2, "elsewhere")) + 1_000_000


def test_the_end_of_a_backup_is_told_once_nothing_is_held_any_more(tracker):
    """It is on record a little before that."""
    finished = Entry("backup-1.sqlite3", "backup", SESSION, {}, process_id.own(), 1, finished_at=5, state="completed")
    found = ImportSnapshots(tracker, Rows(None), lambda _: finished.snapshot())
    assert found.find(SESSION)["status"] == "completed"
    tracker.create_session_with_id(SESSION)
    tracker.update_progress(SESSION, 33.0)
    assert found.find(SESSION) == tracker.snapshot(SESSION)
