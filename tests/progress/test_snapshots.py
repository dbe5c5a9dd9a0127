"""The one shape of a snapshot, and which of two is newer."""

from __future__ import annotations

import pytest

from hextrackr.progress import protocol


def made(status="processing", progress=40.0, sequence=7, duration=None, error=None, silent=1, **metadata):
    return protocol.snapshot(
        "6f1c2a34-0000-4000-8000-000000000000", status, progress, "Loading", metadata,
        sequence=sequence, start_time=1, last_update=2, timestamp=2 + silent, duration=duration, error=error,
    )  # fmt: skip


ERROR = {"code": "CANCELLED", "detail": "The import was cancelled."}


def test_a_snapshot_is_the_whole_state():
    assert made(currentStep=2) == {
        "id": "6f1c2a34-0000-4000-8000-000000000000",
        "sessionId": "6f1c2a34-0000-4000-8000-000000000000",
        "progress": 40.0,
        "status": "processing",
        "message": "Loading",
        "timestamp": 3,
        "startTime": 1,
        "lastUpdate": 2,
        "metadata": {"currentStep": 2, "message": "Loading", "sequence": 7},
    }


@pytest.mark.parametrize("duration", [1_500, None])
def test_an_end_tells_how_long_it_took_and_what_went_wrong(duration):
    ended = made("error", duration=duration, error=ERROR)
    assert (ended["duration"], ended["metadata"]["duration"], ended["error"]) == (duration, duration, ERROR)


@pytest.mark.parametrize(
    ("live", "recorded", "is_updated", "wanted"),
    [
        pytest.param(made(), made(), True, "live", id="under way"),
        pytest.param(made(), made("completed"), True, "live", id="complete on record, and the lists follow"),
        pytest.param(made(silent=2_000), made("completed"), True, "recorded", id="complete on record, and silent"),
        pytest.param(made(), made("error", error=ERROR), True, "recorded", id="failed on record"),
        pytest.param(made("completed"), made("error", error=ERROR), True, "live", id="ended live"),
        pytest.param(made(), made(awaitingConfirmation=True), True, "recorded", id="asks on record"),
        pytest.param(made(awaitingConfirmation=True), made(), True, "recorded", id="answered on record"),
        pytest.param(made(awaitingConfirmation=True), made(awaitingConfirmation=True), True, "live", id="asks"),
        pytest.param(made(), made(), False, "recorded", id="not updated"),
        pytest.param(made("error", error=ERROR), made(), False, "live", id="ended live and not updated"),
    ],
)
def test_which_is_newer(live, recorded, is_updated, wanted):
    newer = protocol.newer(
        live | {"progress": 1.0, "from": "live"}, recorded | {"from": "recorded"}, own=False, is_updated=is_updated
    )
    assert newer["from"] == wanted


@pytest.mark.parametrize(("silent", "wanted"), [(1_999, "processing"), (2_000, "completed")])
def test_who_joins_hears_of_the_end_by_whoever_is_at_work_unless_that_has_fallen_silent(silent, wanted):
    newer = protocol.newer(made(silent=silent), made("completed"), own=False, joining=True)
    assert newer["status"] == wanted


@pytest.mark.parametrize(("own", "sequence"), [(True, 8), (False, 3)])
def test_what_is_on_record_never_goes_back_and_is_numbered_before_what_this_process_tells_next(own, sequence):
    newer = protocol.newer(made(sequence=7), made("error", progress=20.0, sequence=3, duration=5, error=ERROR), own=own)
    assert (newer["progress"], newer["metadata"]["sequence"]) == (40.0, sequence)
