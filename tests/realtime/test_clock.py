"""The tracker's clock in a running server."""

from __future__ import annotations

import threading
import time

from hextrackr.extensions import socketio
from hextrackr.realtime import SocketIOClock


def test_it_reads_both_clocks_in_milliseconds():
    clock = SocketIOClock(socketio)
    assert abs(clock.now_ms() - time.time() * 1000) < 1000
    assert abs(clock.monotonic_ms() - time.monotonic() * 1000) < 1000


def test_a_timer_runs_once_and_does_not_hold_up_its_caller(app):
    done = threading.Event()
    SocketIOClock(socketio).call_later(10, done.set)
    assert not done.is_set()
    assert done.wait(5)
