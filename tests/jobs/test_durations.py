"""How long imports took, whatever became of the wall clock."""

from __future__ import annotations

import pytest

from hextrackr.domain.models import Import
from hextrackr.jobs.queue import Durations

HOUR = 3_600_000


def record(created, finished):
    return Import(session_id="a", created_at=created, finished_at=finished)


@pytest.mark.parametrize("ahead", [0, 10 * 365 * 24 * HOUR, -HOUR])
def test_what_this_process_saw_is_measured(ahead):
    now = [50.0]
    durations = Durations(lambda: now[0])
    durations.began("a")
    now[0] += 1.5
    durations.ended("a")
    assert durations.of(record(HOUR, HOUR + ahead)) == 1_500


@pytest.mark.parametrize(
    ("took", "told"), [(2_000, 2_000), (-HOUR, 0), (Durations.LONGEST, Durations.LONGEST), (10 * 365 * 24 * HOUR, None)]
)
def test_of_what_another_process_saw_the_row_tells_what_can_be(took, told):
    assert Durations().of(record(HOUR, HOUR + took)) == told


def test_what_has_not_ended_took_nothing_yet():
    assert Durations().of(record(HOUR, None)) is None


def test_so_many_are_remembered(monkeypatch):
    monkeypatch.setattr(Durations, "CAPACITY", 2)
    durations = Durations()
    for name in "abc":
        durations.began(name)
    for name in "abc":
        durations.ended(name)
    assert sorted(durations._took) == ["b", "c"]
