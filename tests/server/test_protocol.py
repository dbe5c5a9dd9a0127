"""The protocols of Engine.IO and Socket.IO, with our limits around the stack."""

from __future__ import annotations

import socket
import subprocess
import sys
import time

import pytest

from tests.server.scenarios import SCENARIOS, play
from tests.support import ROOT, ports

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def ours():
    port = ports.free()
    command = [sys.executable, "-W", "ignore", "-m", "tests.server.echo", str(port)]
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


@pytest.mark.parametrize("name", SCENARIOS)
def test_what_the_protocol_asks_for(ours, name):
    play(name, ours)
