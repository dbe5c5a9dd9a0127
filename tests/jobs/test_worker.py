"""The worker loop without an importer process: what goes wrong in it, and who tells the imports that wait."""

from __future__ import annotations

import logging
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import pytest

from hextrackr.errors import DatabaseBusy, DiskFull
from hextrackr.jobs import worker as worker_module
from hextrackr.jobs.worker import Worker


def nothing(*_):
    return None


def worker(runner, leased=(), waiting=(), takes_imports=True):
    """A worker among these imports, and the progress reporter that takes down what is said."""
    rows = [SimpleNamespace(id=number) for number in waiting]
    import_queue = Mock(
        waiting=lambda: rows,
        leased=lambda: [(number, 1) for number in leased],
        recover=list,
        unconfirmed=list,
        stale_uploads=list,
    )
    lock = SimpleNamespace(writing=nullcontext, is_held=lambda: False)
    reporter = Mock()
    made = Worker(
        import_queue,
        runner,
        Mock(),
        reporter,
        lock,
        Mock(),
        Path(),
        start_task=nothing,
        sleep=nothing,
        takes_imports=takes_imports,
    )
    return made, reporter


def among(*, leased=(), current=None, waiting=(8, 9), takes_imports=True):
    """A worker that runs one of these imports, or none."""
    runner = Mock(current=None if current is None else SimpleNamespace(id=current))
    return worker(runner, leased, waiting, takes_imports)


@pytest.fixture
def clock(monkeypatch):
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(worker_module, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


@pytest.mark.parametrize(
    ("trouble", "level", "explained"),
    [
        pytest.param(DatabaseBusy(), logging.WARNING, False, id="another process writes for long"),
        pytest.param(DiskFull(), logging.ERROR, True, id="something that nobody expected here"),
    ],
)
def test_the_worker_goes_on(caplog, trouble, level, explained):
    left = [trouble, None]

    def run(_row, _meanwhile):
        if error := left.pop(0):
            raise error
        loop.stop()

    loop, _ = worker(Mock(run=run, current=None), waiting=[1])
    loop.work()
    assert not left
    [record] = caplog.records
    assert (record.levelno, record.exc_info is not None) == (level, explained)


@pytest.mark.parametrize(
    ("leased", "current", "tells"),
    [
        pytest.param([5], 5, True, id="at work alone"),
        pytest.param([5, 6], 5, True, id="with the oldest of two"),
        pytest.param([5, 6], 6, False, id="with the younger"),
        pytest.param([], 5, True, id="cleaning up after the last"),
        pytest.param([6], 5, False, id="cleaning up beside another"),
        pytest.param([6], None, False, id="at a task beside an import of another process"),
        pytest.param([], None, True, id="at a task alone"),
    ],
)
def test_one_process_tells_those_that_wait(clock, leased, current, tells):
    loop, reporter = among(leased=leased, current=current)
    loop.update_waiting("an undo")
    calls = [(call.args[0].id, *call.args[1:]) for call in reporter.waiting.call_args_list]
    assert calls == ([(8, 1, "an undo"), (9, 2, "an undo")] if tells else [])


def test_they_are_told_again_and_again_but_not_at_every_look(clock):
    loop, reporter = among(leased=[5], current=5, waiting=[8])
    for _ in range(100):
        loop._maintain()
        clock.now += 0.02
    assert 6 <= reporter.waiting.call_count <= 9


@pytest.mark.parametrize(
    ("takes_imports", "leased", "tells"), [(False, [], True), (False, [5], False), (True, [], False)]
)
def test_an_import_that_no_worker_process_takes_is_told_so_after_a_while(clock, takes_imports, leased, tells):
    loop, reporter = among(leased=leased, takes_imports=takes_imports)
    loop._maintain()
    assert not reporter.unattended.called
    for _ in range(4):
        clock.now += 1.1
        loop._maintain()
    assert reporter.unattended.called == tells
