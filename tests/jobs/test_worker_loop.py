"""What goes wrong in a turn, and what becomes of it."""

from __future__ import annotations

import logging
from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from hextrackr.errors import DatabaseBusy, DiskFull
from hextrackr.jobs.worker_loop import WorkerLoop


@pytest.mark.parametrize(
    ("trouble", "level", "explained"),
    [
        pytest.param(DatabaseBusy(), logging.WARNING, False, id="another process writes for long"),
        pytest.param(DiskFull(), logging.ERROR, True, id="something that nobody expected here"),
    ],
)
def test_the_supervisor_goes_on(caplog, trouble, level, explained):
    left = [trouble, None]

    def carry_out(_record):
        if error := left.pop(0):
            raise error
        turns.stop()

    def nothing(*_):
        return None

    turns = WorkerLoop(
        SimpleNamespace(waiting=lambda: [object()]),
        to_cancel=lambda _: False,
        may_import=lambda: True,
        lock=SimpleNamespace(writing=nullcontext),
        sleep=nothing,
    )
    turns.bind(
        SimpleNamespace(carry_out=carry_out),
        SimpleNamespace(warm_up=nothing, discard=nothing, ask=nothing),
        SimpleNamespace(look_around=nothing),
        SimpleNamespace(write_ends=nothing),
    )
    turns.work()
    assert not left
    [record] = caplog.records
    assert (record.levelno, record.exc_info is not None) == (level, explained)
