"""What a process is found to hold."""

from __future__ import annotations

import mmap

import pytest

from hextrackr.jobs import importer


def test_what_is_held_is_counted_and_what_was_given_back_is_not():
    before = importer.memory_mb()
    held = mmap.mmap(-1, 64 * 1024**2)
    for page in range(0, len(held), mmap.PAGESIZE):
        held[page] = 1
    assert 60 < importer.memory_mb() - before < 70
    held.close()
    assert importer.memory_mb() - before < 10


@pytest.mark.parametrize("content", [None, "", "many"], ids=["no such file", "empty", "no figures"])
def test_where_the_system_does_not_tell_the_most_ever_held_counts(tmp_path, monkeypatch, content):
    now = importer.memory_mb()
    monkeypatch.setattr(importer, "_STATM", tmp_path / "statm")
    if content is not None:
        (tmp_path / "statm").write_text(content)
    assert importer.memory_mb() >= now - 1


@pytest.mark.parametrize(("more", "retires"), [(0, False), (importer.RETIRE_MB, False), (importer.RETIRE_MB + 1, True)])
def test_an_importer_that_holds_much_makes_way(monkeypatch, more, retires):
    monkeypatch.setattr(importer, "memory_mb", lambda: 100 + more)
    assert importer._idle(100) == {"type": "idle", "retire": retires}
