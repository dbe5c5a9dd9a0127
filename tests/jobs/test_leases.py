"""One owner for each import, whoever asks; who was stopped and wakes up late loses."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from hextrackr.domain.models import Import, ImportState
from hextrackr.errors import Cancelled
from hextrackr.ingest import attempt, pipeline
from hextrackr.ingest.attempt import LEASE_MS, Job
from hextrackr.jobs import files, process_id
from hextrackr.jobs.queue import ImportQueue, now_ms
from hextrackr.progress.estimate import Meter
from tests.support.exports import scan

ENDED = {"code": "INTERRUPTED", "detail": "It ended."}


@pytest.fixture
def import_queue(engine):
    return ImportQueue(engine, time.sleep)


@pytest.fixture
def leases(engine):
    """The import rows for a process with this name."""
    return lambda owner: ImportQueue(engine, time.sleep, owner)


@pytest.fixture
def queued(import_queue):
    def add(**values):
        return import_queue.get(
            import_queue.add(session_id=str(uuid.uuid4()), filename="f", file_size=1, upload="u.csv", **values)
        )

    return add


@pytest.fixture
def gone():
    """The name of a process that has ended."""
    program = "from hextrackr.jobs import process_id; print(process_id.own())"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()


def job(record, **paths):
    return Job(record.id, record.epoch, **{"database_url": "", "upload": "", "spill": "", "memory_limit": "128MB",
                                           "guard_percent": 50, **paths})  # fmt: skip


def expire(engine, record):
    with Session(engine) as session, session.begin():
        session.execute(update(Import).where(Import.id == record.id).values(lease_until=now_ms() - 1))


def test_an_import_is_claimed_once(import_queue, leases, queued):
    first, second = queued(), import_queue.get(1)
    assert leases("a").claim(first)
    assert not leases("b").claim(second)
    assert not leases("b").claim(import_queue.get(1))
    row = import_queue.get(1)
    assert (row.state, row.owner, row.epoch, row.attempts) == ("reading", "a", 1, 1)
    assert row.lease_until > now_ms() + LEASE_MS / 2
    assert import_queue.waiting() == []


def test_of_many_who_claim_at_once_one_owns_it(import_queue, leases, queued):
    owners = [leases(f"process {number}") for number in range(8)]
    for _ in range(20):
        record = queued()
        seen = [import_queue.get(record.id) for _ in owners]
        wins = []
        threads = [
            threading.Thread(target=lambda o=owner, r=row, w=wins: w.append(o.claim(r)))
            for owner, row in zip(owners, seen, strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(wins) == [False] * 7 + [True]


CLAIMANT = """
import sys, time
from hextrackr.db import engines
from hextrackr.jobs.queue import ImportQueue
url, owner, imports = sys.argv[1], sys.argv[2], int(sys.argv[3])
engine = engines.open_database(url)
import_queue = ImportQueue(engine, time.sleep, owner)
seen = [import_queue.get(number) for number in range(1, imports + 1)]
print("ready", flush=True)
sys.stdin.readline()
print(*(record.id for record in seen if import_queue.claim(record)))
"""


def test_two_processes_that_claim_a_thousand_imports_share_them(config, engine, query):
    with Session(engine) as session, session.begin():
        plain = {"filename": "f", "file_size": 1, "source_label": "", "state": ImportState.QUEUED, "created_at": 1}
        session.add_all(Import(session_id=str(number), upload=f"{number}.csv", **plain) for number in range(1_000))
    command = [sys.executable, "-c", CLAIMANT, config.database_url]
    root, pipes = Path(__file__).parents[2], {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen([*command, owner, "1000"], cwd=root, **pipes) for owner in ("a", "b")]
    assert [process.stdout.readline() for process in processes] == ["ready\n"] * 2
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    won = [set(map(int, process.communicate()[0].split())) for process in processes]
    assert won[0] | won[1] == set(range(1, 1_001)) and not won[0] & won[1]
    for owner, ids in zip("ab", won, strict=True):
        assert {number for (number,) in query(f"SELECT id FROM imports WHERE owner = '{owner}'")} == ids
    assert query("SELECT DISTINCT epoch, attempts FROM imports") == [(1, 1)]


def test_only_an_expired_lease_is_taken_over_and_the_late_owner_loses(import_queue, leases, queued, engine):
    stopped, other = leases(process_id.own()), leases("other/machine/1-1")
    record = queued()
    stopped.claim(record)
    assert other.recover() == []
    expire(engine, record)
    [taken] = other.recover()
    assert (taken.state, taken.epoch) == ("queued", 1)
    assert other.claim(taken)

    lease = import_queue.get(record.id).lease_until
    attempt.renew(engine, job(record))
    assert import_queue.get(record.id).lease_until == lease
    assert not import_queue.end(record, ImportState.FAILED, ENDED)
    expire(engine, record)
    attempt.renew(engine, job(taken))
    assert import_queue.get(record.id).lease_until > now_ms()
    assert import_queue.end(taken, ImportState.FAILED, ENDED)


def test_the_late_importer_writes_nothing(import_queue, leases, queued, engine, config, query, tmp_path):
    record = queued(source_label="")
    stopped = leases("a")
    stopped.claim(record)
    upload = tmp_path / "scan.csv"
    upload.write_bytes(scan([1, 2]))
    late = job(record, database_url=config.database_url, upload=str(upload), spill=str(tmp_path))
    expire(engine, record)
    [taken] = leases("b").recover()
    leases("b").claim(taken)
    with pytest.raises(Cancelled):
        pipeline.run(late, Meter(lambda reading: None, time.monotonic))
    assert query("SELECT count(*) FROM staging_findings") == [(0,)]
    assert query("SELECT count(*) FROM findings") == [(0,)]
    assert import_queue.get(record.id).state == "reading"


def test_the_import_of_a_process_that_is_gone_is_taken_over_at_once(leases, queued, gone):
    record = queued()
    leases(gone).claim(record)
    assert [taken.id for taken in leases(process_id.own()).recover()] == [record.id]


def test_a_confirmed_import_is_only_promoted_again(import_queue, leases, queued, engine, gone):
    record = queued()
    with Session(engine) as session, session.begin():
        session.execute(update(Import).values(state=ImportState.AWAITING_CONFIRMATION))
    assert import_queue.confirm(record.id)
    confirmed = import_queue.get(record.id)
    assert [waiting.id for waiting in import_queue.waiting()] == [record.id]
    assert leases(gone).claim(confirmed)
    assert import_queue.waiting() == []
    [taken] = leases("b").recover()
    assert (taken.state, taken.confirmed, taken.answered) == ("promoting", True, True)
    assert [waiting.id for waiting in import_queue.waiting()] == [record.id]


def test_a_released_import_is_free(import_queue, leases, queued):
    record = queued()
    leases("a").claim(record)
    leases("a").release(record)
    assert [taken.id for taken in leases("b").recover()] == [record.id]


def test_names_of_processes(gone):
    assert not process_id.is_gone(process_id.own())
    assert process_id.is_gone(gone)
    assert process_id.is_gone("")
    assert not process_id.is_gone("another-machine/12345678/1-1")
    host, _, process = process_id.own().split("/")
    assert process_id.is_gone(f"{host}/anothr/{process}")
    assert not process_id.process_is_gone(process_id.process())
    assert process_id.process_is_gone(f"{os.getpid()}-1")


def test_tidying_keeps_what_is_needed(tmp_path, gone):
    uploads, spill = tmp_path / "uploads", tmp_path / "spill"
    uploads.mkdir()
    ended = f"{process_id.maker().split('-')[0]}-{gone.split('/')[2]}"
    elsewhere = (
        f"another-{gone.split('/')[2]}"  # a process of another machine on the same folder, alive as far as we know
    )
    old = time.time() - files.STALE - 1
    for name in (
        f"a.{ended}.part",
        f"b.{ended}.csv",
        f"needed.{ended}.csv",
        "old.part",
        f"c.{elsewhere}.part",
        f"d.{elsewhere}.part",
    ):
        (uploads / name).write_bytes(b"x")
    os.utime(uploads / f"d.{elsewhere}.part", (old, old))
    mine = files.upload_name("part")
    (uploads / mine).write_bytes(b"x")
    for name in ("1-1", "1-2", "old"):
        (spill / name).mkdir(parents=True)
    files.tidy(tmp_path, [f"needed.{ended}.csv"], [(1, 2)])
    assert {path.name for path in uploads.iterdir()} == {f"needed.{ended}.csv", f"c.{elsewhere}.part", mine}
    assert [path.name for path in spill.iterdir()] == ["1-2"]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux tells when a process started")
def test_a_process_of_which_only_the_exit_status_is_left_is_gone():
    program = "from hextrackr.jobs import process_id; print(process_id.own(), flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        name = process.stdout.readline().decode().strip()
        assert not process_id.is_gone(name)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and nobody has taken its status yet
        assert process_id.is_gone(name)
