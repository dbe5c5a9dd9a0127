"""The hold on the record: one holder at a time, also when it ends without a word."""

from __future__ import annotations

import subprocess
import sys

import pytest

from hextrackr.workers.hold import Hold


@pytest.fixture
def holds(tmp_path):
    return Hold(tmp_path), Hold(tmp_path)


def test_one_holds_and_the_other_sees_it(holds, tmp_path):
    one, other = holds
    assert not one.is_held()
    assert one.take()
    assert one.is_held() and other.is_held()
    assert not other.take()
    one.release()
    assert not one.is_held() and not other.is_held()
    assert list(tmp_path.iterdir()) == []
    assert other.take()
    other.release()


def test_who_does_not_hold_it_releases_nothing(holds):
    one, other = holds
    one.take()
    other.release()
    assert other.is_held()
    one.release()


def test_a_holder_that_ends_lets_go(holds, tmp_path):
    program = f"from pathlib import Path; from hextrackr.workers.hold import Hold; print(Hold(Path({str(tmp_path)!r})).take())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"
    assert not holds[0].is_held()
    assert holds[0].take()
    holds[0].release()
