"""JSON lines between two processes."""

from __future__ import annotations

import socket

import pytest

from hextrackr.jobs.importer_process import SILENT, Channel


@pytest.fixture
def pair():
    left, right = socket.socketpair()
    yield Channel(left), Channel(right), right
    left.close()
    right.close()


def test_messages_arrive_whole_and_in_order(pair):
    left, right, _ = pair
    sent = [{"type": "progress", "n": n, "text": "é\n" * n} for n in range(50)]
    for message in sent:
        assert left.send(message)
    left.close()
    assert list(right.messages()) == sent


def test_a_line_cut_short_by_a_death_is_dropped(pair):
    left, right, end = pair
    end.sendall(b'{"type":"progress"}\n{"type":"comp')
    end.close()
    assert list(left.messages()) == [{"type": "progress"}]


def test_silence_is_told_as_often_as_it_lasts_and_cuts_no_line(pair):
    left, right, end = pair
    end.sendall(b'{"type":')
    heard = left.messages(patience=0.01)
    assert [next(heard), next(heard)] == [SILENT, SILENT]
    end.sendall(b'"done"}\n')
    assert next(message for message in heard if message is not SILENT) == {"type": "done"}
    end.close()
    assert all(message is SILENT for message in heard)


def test_sending_to_nobody_says_so(pair):
    left, right, _ = pair
    right.close()
    assert not left.send({"type": "job"})
