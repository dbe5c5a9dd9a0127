"""The server is killed at any instant of an import, and afterwards every table is what it would have been without that.

A few kills in small imports by default; ``make faults`` does it in full. ``FAULT_KILLS``, ``FAULT_ROWS`` and ``FAULT_SEED`` set
how many, over how many rows, and which instants.
"""

from __future__ import annotations

import io
import os
import random
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.killed_server import PARTS, KilledServer, Watcher
from tests.support import contents
from tests.support.generator import Estate, write
from tests.support.waiting import until

pytestmark = pytest.mark.system

KILLS = int(os.environ.get("FAULT_KILLS", "5"))
ROWS = int(os.environ.get("FAULT_ROWS", "10000"))
SEED = int(os.environ.get("FAULT_SEED", "1"))

#: A first scan and those of the weeks after it: share of the findings that is gone, share that is new, day.
SCANS = [
    (0.0, 0.0, "2026-08-01"), (0.1, 0.05, "2026-08-08"), (0.02, 0.1, "2026-08-15"),
    (0.3, 0.1, "2026-08-22"), (0.0, 0.2, "2026-08-29"),
]  # fmt: skip
#: What a kill is aimed at: the upload, the work, the moment after the commit of promotion, the clean-up.
AIMS = ("upload", "work", "work", "work", "commit", "work", "upload", "work", "work", "clean-up")


@dataclass(frozen=True)
class Undisturbed:
    """One import without a kill: its file, what was on record afterwards, and how long each part took, in seconds."""

    content: bytes
    record: Path
    upload: float
    work: float
    clean_up: float


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> list[Undisturbed]:
    """Every scan of the series, imported in peace."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with KilledServer(folder / "instance", folder / "log") as server:
        return [_in_peace(server, number, folder / f"{number}.record") for number in range(min(len(SCANS), KILLS))]


def _in_peace(server: KilledServer, number: int, kept: Path) -> Undisturbed:
    gone, new, day = SCANS[number]
    stream = io.StringIO(newline="")
    write(stream, Estate(ROWS), gone=gone, new=new, day=day)
    content, session_id, began = stream.getvalue().encode(), str(uuid.uuid4()), time.monotonic()
    assert server.upload(content, session_id)
    stored = time.monotonic()
    until(lambda: server.state(session_id) == "completed", pause=0.005)
    committed = time.monotonic()
    until(lambda: not server.leftovers())
    contents.save(server.instance, kept)
    return Undisturbed(content, kept, stored - began, committed - stored, time.monotonic() - committed)


def test_after_a_kill_at_any_instant_every_table_is_as_without_it(undisturbed, tmp_path):
    rng, hit = random.Random(SEED), Counter()
    shares = [(number + rng.random()) / KILLS for number in range(KILLS)]
    rng.shuffle(shares)
    for first in range(0, KILLS, len(undisturbed)):
        with KilledServer(tmp_path / f"series-{first}", tmp_path / "log") as server:
            for number, scan in enumerate(undisturbed[: KILLS - first], start=first):
                aim = AIMS[number % len(AIMS)]
                part = PARTS[(number + number // len(PARTS)) % len(PARTS)]
                state = _disturbed(server, scan, aim, part, shares[number])
                hit[f"{part} in {state or 'upload'}"] += 1
                assert contents.differences(server.instance, scan.record) == [], (number, aim, part, state)
    print(f"\n{KILLS} kills over {ROWS} rows, seed {SEED}:", dict(sorted(hit.items())))  # noqa: T201


def _disturbed(server: KilledServer, scan: Undisturbed, aim: str, part: str, share: float) -> str:
    """Import a scan with a kill in it; return the state that the kill met."""
    session_id = str(uuid.uuid4())
    watcher = Watcher(server, session_id)
    with ThreadPoolExecutor(1) as pool:
        began = time.monotonic()
        uploading = pool.submit(server.upload, scan.content, session_id)
        if aim in ("commit", "clean-up"):
            until(lambda: server.state(session_id) == "completed", pause=0.001)
            time.sleep(scan.clean_up * share if aim == "clean-up" else 0.0)
        else:
            wait = scan.upload * share if aim == "upload" else scan.upload + scan.work * share
            time.sleep(max(0.0, began + wait - time.monotonic()))
        state = server.state(session_id)
        server.kill(part)
        answered = uploading.result()
    until(lambda: server.ask("/health")[0] == 200)
    if not server.state(session_id):
        assert not answered
        until(lambda: not server.leftovers())
        assert server.upload(scan.content, session_id)  # nothing has happened: what else could a user do
    until(lambda: server.state(session_id) in ("completed", "failed"))
    seen = watcher.end()
    if part == "importer" and server.state(session_id) == "failed":
        assert seen[-1]["error"]["code"] == "INTERRUPTED"
        import_id = seen[-1]["metadata"]["importId"]
        status, answer = server.ask(f"/api/imports/{import_id}/retry", "POST")
        assert status == 202, answer
        until(lambda: server.state(answer["sessionId"]) in ("completed", "failed"))
        session_id = answer["sessionId"]
    else:
        assert seen[-1]["status"] == "completed"
        assert not watcher.lost
        sequences = [snapshot["metadata"]["sequence"] for snapshot in seen]
        assert sequences == sorted(sequences)
    assert server.state(session_id) == "completed"
    until(lambda: not server.leftovers())
    return state
