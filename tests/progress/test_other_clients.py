"""Other clients in use, which hold updates back, draw none of them after the end, whatever the network does."""

from __future__ import annotations

import pytest

from tests.support.other_clients import drawn, with_jitter

SESSION = "import_1787220000000_k3j9x0q2f"
ERROR = {"code": "DISK_FULL", "detail": "There is no space left."}
#: When an import says what, in ms: one of 99 rows, and one of 100,000.
SHORT = [(0, 0), (2, 1), (9, 1), (14, 2), (21, 2), (30, 3), (34, 3), (41, 3)]
LONG = [(at, 1 if at < 400 else 2 if at < 900 else 3) for at in range(0, 1_990, 20)]


@pytest.mark.parametrize("ends", ["complete", "error"])
@pytest.mark.parametrize("course", [SHORT, LONG], ids=["99 rows", "100,000 rows"])
def test_nothing_is_drawn_after_the_end(tracker, events, clock, course, ends):
    tracker.create_session_with_id(SESSION)
    for number, (at, step) in enumerate(course):
        clock.advance(at - clock.monotonic)
        tracker.update_progress(SESSION, number, f"step {step}", {"currentStep": step})
    tracker.complete_session(SESSION) if ends == "complete" else tracker.error_session(SESSION, ERROR)
    clock.advance(5_000)
    told = [(at, event, snapshot) for at, event, snapshot, _ in events.events]
    for seed in range(60):
        *updates, last = drawn(with_jitter(told, seed))
        assert last == ("end" if ends == "complete" else "error")
        assert updates == [snapshot["message"] for _, event, snapshot in told if event == "progress-update"]
        assert {"step 2", "step 3"} < set(updates)
