"""The session watchdog: which sessions it looks up and what it emits, as time passes."""

from __future__ import annotations

import pytest

from hextrackr.progress import protocol
from hextrackr.realtime.session_watchdog import SILENCE, SessionWatchdog


def snapshot(status="processing", message="Loading", progress=20.0, **metadata):
    payload = {"sessionId": "s", "status": status, "message": message, "progress": progress}
    return {**payload, "metadata": {"sequence": 7, **metadata}}


class Scene:
    """A process with one watched session."""

    def __init__(self):
        self.now = 0.0
        self.known = snapshot()
        self.members = True
        self.emitted = []
        self.watchdog = SessionWatchdog(lambda _: self.known, self.emit, lambda _: self.members, lambda: self.now)

    def emit(self, event, payload, room):
        assert room == protocol.room("s")
        self.emitted.append((event, payload["message"]))
        self.watchdog.on_event(event, payload)  # as for every event that is sent to its sockets

    def after(self, seconds):
        self.now += seconds
        self.watchdog.check()
        return self.emitted


@pytest.fixture
def scene():
    scene = Scene()
    scene.watchdog.joined("s", scene.known)
    return scene


def test_a_session_whose_events_arrive_is_left_alone(scene):
    for _ in range(10):
        scene.watchdog.on_event(protocol.UPDATE, snapshot())
        assert scene.after(SILENCE / 2) == []


@pytest.mark.parametrize(("status", "event"), [("completed", protocol.COMPLETE), ("error", protocol.ERROR)])
def test_an_end_that_was_lost_is_emitted_once(scene, status, event):
    scene.known = snapshot(status, "The end")
    assert scene.after(SILENCE) == [(event, "The end")]
    assert scene.after(10 * SILENCE) == [(event, "The end")]


def test_a_silent_import_is_emitted_when_something_has_changed(scene):
    assert scene.after(SILENCE) == [(protocol.UPDATE, "Loading")]
    assert scene.after(SILENCE) == [(protocol.UPDATE, "Loading")]
    scene.known = snapshot(message="Updating")
    assert scene.after(SILENCE)[1:] == [(protocol.UPDATE, "Updating")]


@pytest.mark.parametrize("change", [{"progress": 25.0}, {"rejected": 3}])
def test_figures_that_were_lost_are_told(scene, change):
    scene.watchdog.on_event(protocol.UPDATE, snapshot())
    scene.known = snapshot(**change)
    assert scene.after(SILENCE) == [(protocol.UPDATE, "Loading")]


def test_that_an_import_is_taken_up_and_numbers_its_events_anew_is_no_news(scene):
    scene.watchdog.on_event(protocol.UPDATE, snapshot())
    scene.known = snapshot(sequence=500_001)
    assert scene.after(SILENCE) == []


@pytest.mark.parametrize(("status", "event"), [("processing", protocol.UPDATE), ("completed", protocol.COMPLETE)])
def test_nobody_is_told_what_was_heard(scene, status, event):
    scene.known = snapshot(status)
    scene.watchdog.on_event(event, snapshot(status))
    assert scene.after(SILENCE) == []
    assert scene.after(SILENCE) == []


@pytest.mark.parametrize(
    ("known", "event"), [(snapshot(progress=25.0), protocol.UPDATE), (snapshot("completed"), protocol.COMPLETE)]
)
def test_what_only_a_newcomer_was_told_is_still_told_to_the_others(scene, known, event):
    scene.watchdog.on_event(protocol.UPDATE, snapshot())
    scene.known = known
    scene.now += SILENCE / 2
    scene.watchdog.on_event(protocol.STATUS, known)
    scene.watchdog.joined("s", known)
    assert scene.after(SILENCE / 2) == [(event, "Loading")]


def test_who_joins_after_the_end_knows_it_already():
    scene = Scene()
    scene.known = snapshot("completed")
    scene.watchdog.joined("s", scene.known)
    assert scene.after(SILENCE) == []


def test_a_session_that_nobody_watches_any_more_is_forgotten(scene):
    scene.members = False
    assert scene.after(SILENCE) == []
    scene.members = True
    assert scene.after(SILENCE) == []


def test_a_session_that_is_still_to_come_is_looked_after(scene):
    scene = Scene()
    scene.known = None
    scene.watchdog.joined("s", None)
    assert scene.after(SILENCE) == []
    scene.known = snapshot("completed", "Quick")
    assert scene.after(SILENCE) == [(protocol.COMPLETE, "Quick")]
