"""The protocols of Engine.IO and Socket.IO, with our limits around the stack and without: never worse than without."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from tests.server.scenarios import SCENARIOS, play
from tests.support import ROOT, ports

#: What the stack does not do, and our limits do not add.
NOT_DONE = {
    "a_session_is_upgraded": "Engine.IO ends the open poll and then says so on the websocket again",
    "polling_can_be_closed": "Engine.IO answers the open poll with nothing instead of a packet",
    "an_unknown_namespace_is_refused": "python-socketio refuses in words of its own",
}


@contextmanager
def echoing(kind):
    port = ports.free()
    command = [sys.executable, "-W", "ignore", "-m", "tests.server.echo", str(port), kind]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def ours():
    with echoing("ours") as server:
        yield server


@pytest.fixture(scope="module")
def stock():
    with echoing("stock") as server:
        yield server


@pytest.mark.parametrize("name", [name for name in SCENARIOS if name not in NOT_DONE])
def test_what_the_protocol_asks_for(ours, name):
    play(name, ours)


@pytest.mark.parametrize("name", NOT_DONE)
def test_what_is_not_done_is_not_done_by_the_stack_either(stock, name):
    with pytest.raises(Exception):  # noqa: B017
        play(name, stock)
