"""Who tells the imports that wait, and of what."""

from __future__ import annotations

from types import SimpleNamespace
from unittest.mock import Mock

import pytest

from hextrackr.jobs import maintenance
from hextrackr.jobs.maintenance import MaintenanceTasks


@pytest.fixture
def clock(monkeypatch):
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(maintenance, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def going_round(*, held=(), current=None, waiting=(8, 9), elsewhere=False):
    """Rounds among these imports; the progress reporter takes down what is said."""
    records = [SimpleNamespace(id=number) for number in waiting]
    import_queue = Mock(waiting=lambda: records, unconfirmed=list, stale_uploads=list)
    leases = Mock(held=lambda: [(number, 1) for number in held], take_back=list)
    runner = SimpleNamespace(current=current)
    reporter = Mock()
    return MaintenanceTasks(import_queue, leases, reporter, Mock(), runner, Mock(), elsewhere), reporter


@pytest.mark.parametrize(
    ("held", "current", "tells"),
    [
        pytest.param([5], 5, True, id="at work alone"),
        pytest.param([5, 6], 5, True, id="with the oldest of two"),
        pytest.param([5, 6], 6, False, id="with the younger"),
        pytest.param([], 5, True, id="cleaning up after the last"),
        pytest.param([6], 5, False, id="cleaning up beside another"),
        pytest.param([6], None, False, id="at a chore beside an import of another process"),
        pytest.param([], None, True, id="at a chore alone"),
    ],
)
def test_one_process_tells_those_that_wait(clock, held, current, tells):
    around, reporter = going_round(held=held, current=current)
    around.tell_waiting("an undo")
    told = [(call.args[0].id, *call.args[1:]) for call in reporter.waiting.call_args_list]
    assert told == ([(8, 1, "an undo"), (9, 2, "an undo")] if tells else [])


def test_they_are_told_again_and_again_but_not_at_every_look(clock):
    around, reporter = going_round(held=[5], current=5, waiting=[8])
    for _ in range(100):
        around.look_around()
        clock.now += 0.02
    assert 6 <= reporter.waiting.call_count <= 9


@pytest.mark.parametrize(("elsewhere", "held", "tells"), [(True, [], True), (True, [5], False), (False, [], False)])
def test_an_import_that_no_worker_takes_is_told_so_after_a_while(clock, elsewhere, held, tells):
    around, reporter = going_round(held=held, elsewhere=elsewhere)
    around.look_around()
    assert not reporter.unattended.called
    for _ in range(4):
        clock.now += 1.1
        around.look_around()
    assert reporter.unattended.called == tells
