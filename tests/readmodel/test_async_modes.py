"""The client waits without holding up the others, in green threads as in plain ones; the same program runs in both."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support import ROOT
from tests.support.exports import scan

PROGRAM = """
import sys
mode, url, folder = sys.argv[1:]
if mode == "eventlet":
    import warnings
    warnings.filterwarnings("ignore", message=r"\\s*Eventlet is deprecated")
    import eventlet
    eventlet.monkey_patch()
import os, signal, threading, time
from pathlib import Path
from hextrackr.readmodel.client import Reader

reader = Reader(url, Path(folder), memory_limit="64MB", seconds=60, package="tests.support.questions")
begun, go_on, answers = Path(folder, "begun"), Path(folder, "go-on"), []

def ask():
    answers.append(reader.ask("twice", {"begun": str(begun), "go_on": str(go_on)}))

asking = [threading.Thread(target=ask) for _ in range(3)]
for each in asking:
    each.start()
while not begun.exists():
    time.sleep(0.01)
assert reader.ask("open_by_severity") == b"[[3,2]]"  # meanwhile
go_on.touch()
for each in asking:
    each.join()
assert answers == [b"[[2,2],[2,2]]"] * 3
os.kill(reader.pid, signal.SIGKILL)
assert reader.ask("open_by_severity") == b"[[3,2]]"
reader.close()
print("done")
"""


@pytest.mark.parametrize("mode", ["eventlet", "threading"])
def test_whoever_asks_holds_up_nobody(config, run_import, mode):
    run_import(scan([1, 2], severity="High"))
    folder = config.INSTANCE_PATH / "readmodel"
    program = [sys.executable, "-c", PROGRAM, mode, config.database_url, str(folder)]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.stdout == "done\n", done.stderr
