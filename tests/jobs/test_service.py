"""Imports in an app at work, with the real importer process: order, death, cancel, restart."""

from __future__ import annotations

import os
import signal
import threading
import time
import uuid
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import pytest
from sqlalchemy import text

from hextrackr import create_app
from hextrackr.db.dialects import lock_source
from hextrackr.domain.resolve_guard import YES, Answer
from hextrackr.errors import Conflict, HexTrackrError, NotFound
from hextrackr.extensions import import_queue, import_service, import_snapshots
from hextrackr.jobs import files, process_id, wiring
from hextrackr.jobs.importer_process import ImporterProcess
from hextrackr.jobs.progress_reporter import ProgressReporter
from tests.support.exports import scan
from tests.support.generator import Estate, write
from tests.support.waiting import until

STAGED = "SELECT count(*) FROM staging_findings"
#: Rows of an export that takes about a second to import.
LONG_ROWS = 30_000


@pytest.fixture(scope="module")
def long_scan(tmp_path_factory):
    """An export that takes a second or so to import."""
    path = tmp_path_factory.mktemp("long") / "scan.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        write(stream, Estate(LONG_ROWS))
    return path.read_bytes()


@pytest.fixture
def service(working):
    """What is asked of the imports of an app at work."""
    with working.app_context():
        yield working.extensions["import_service"]


@pytest.fixture
def serving(config, warm_importer):
    """Another server on the same record, for as long as a block takes."""

    @contextmanager
    def serving():
        app = create_app(config)
        warm_importer.hand_to(app)
        wiring.start(app)
        try:
            with app.app_context():
                yield app
        finally:
            warm_importer.take_from(app)
            app.extensions["import_worker"].stop()

    return serving


@pytest.fixture
def worker(working, service):
    """The worker of the same app, in its context."""
    return working.extensions["import_worker"]


@pytest.fixture
def just_taken(working, monkeypatch):
    """Do something beside the worker when it has taken its next import and not yet handed it to its importer."""
    taken, done = ProgressReporter.taken, Future()

    def do(what):
        def act(record):
            with working.app_context():
                try:
                    done.set_result(what(record))
                except HexTrackrError as error:
                    done.set_exception(error)

        def taken_and_done(reporter, record):
            monkeypatch.undo()
            taken(reporter, record)
            threading.Thread(target=act, args=(record,)).start()
            time.sleep(0.3)

        monkeypatch.setattr(ProgressReporter, "taken", taken_and_done)
        return done

    return do


@pytest.fixture
def stopped_importer(worker):
    """Let the importer stand still for as long as a block takes."""

    @contextmanager
    def stopped():
        importer = worker.importer_pid
        os.kill(importer, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(importer, signal.SIGCONT)

    return stopped


def leftovers(app):
    instance = app.config["INSTANCE_PATH"]
    return [path for folder in ("uploads", "spill") for path in (instance / folder).glob("*")]


def number_of(record):
    """The number of the last word that an import's watchers were told."""
    return import_snapshots.find(record.session_id)["metadata"]["sequence"]


def killed_at_work(worker):
    """Kill the importer a moment after it was asked for something."""
    until(lambda: worker.is_at_work)
    time.sleep(1)
    os.kill(worker.importer_pid, signal.SIGKILL)


def test_an_import_runs_and_leaves_nothing_behind(working, service, queue, wait_for, query):
    record = wait_for(queue(scan([1, 2])), "completed")
    assert (record.inserted, record.attempts) == (2, 1)
    assert record.started_at <= record.finished_at
    until(lambda: query(STAGED) == [(0,)] and not leftovers(working))


def test_the_snapshot_follows_the_import(service, queue, wait_for, long_scan):
    record = queue(long_scan)
    seen = []
    while not seen or seen[-1]["status"] not in ("completed", "error"):
        seen.append(import_snapshots.find(record.session_id))
        time.sleep(0.02)
    wait_for(record, "completed")
    progress = [snapshot["progress"] for snapshot in seen]
    assert progress == sorted(progress)
    assert {1, 2, 3} <= {snapshot["metadata"]["currentStep"] for snapshot in seen}
    assert seen[-1]["metadata"]["inserted"] == seen[-1]["metadata"]["recordsCreated"] == LONG_ROWS
    assert seen[-1]["metadata"]["totalSteps"] == 3
    assert any("etaSeconds" in snapshot["metadata"] for snapshot in seen)


@pytest.mark.parametrize("state", ["reading", "staging", "promoting"])
def test_a_killed_importer_ends_its_import_in_words_and_the_next_works(
    working, service, worker, queue, wait_for, query, long_scan, state
):
    wait_for(queue(scan([1])), "completed")
    before = query("SELECT * FROM findings")
    record = queue(long_scan, confirmed=True)
    wait_for(record, state)
    until(lambda: import_snapshots.find(record.session_id)["progress"] > 0)  # the importer has it
    os.kill(worker.importer_pid, signal.SIGKILL)

    ended = wait_for(record, "failed")

    assert ended.error_code == "INTERRUPTED"
    assert query("SELECT * FROM findings") == before
    until(lambda: import_snapshots.find(record.session_id)["status"] == "error")
    snapshot = import_snapshots.find(record.session_id)
    assert snapshot["error"]["code"] == "INTERRUPTED"
    assert snapshot["error"]["detail"].endswith("no finding was changed.")
    assert wait_for(queue(scan([1, 2])), "completed").inserted == 1
    until(lambda: query(STAGED) == [(0,)] and [path.name for path in leftovers(working)] == [record.upload])
    with working.app_context():
        again = import_queue.retry(record.id, str(uuid.uuid4()))
        service.submit(again)
        assert import_queue.retry(record.id, str(uuid.uuid4())) is None
        done = wait_for(again, "completed")
    assert done.inserted + done.unchanged == LONG_ROWS
    until(lambda: not leftovers(working))


def test_the_importer_gives_way_as_far_as_is_set(config):
    giving_way = create_app(replace(config, IMPORTER_NICENESS=3))
    wiring.start(giving_way)
    worker = giving_way.extensions["import_worker"]
    try:
        until(lambda: worker.importer_pid is not None)
        wanted = min(19, os.nice(0) + 3)
        until(lambda: os.getpriority(os.PRIO_PROCESS, worker.importer_pid) == wanted)
    finally:
        worker.stop()


def test_an_importer_is_there_for_the_next_import(service, worker, queue, wait_for, long_scan):
    wait_for(queue(long_scan), "staging", "promoting")
    importer = worker.importer_pid
    wait_for(queue(scan([1]), source_label="b"), "completed")
    assert worker.importer_pid == importer


def test_an_importer_that_holds_much_makes_way_for_a_fresh_one(service, worker, queue, wait_for, monkeypatch):
    plain = ImporterProcess.messages

    def messages(process):
        return (message | {"retire": True} if message["type"] == "idle" else message for message in plain(process))

    monkeypatch.setattr(ImporterProcess, "messages", messages)
    assert wait_for(queue(scan([1])), "completed").inserted == 1
    until(lambda: worker.importer_pid is not None)
    importer = worker.importer_pid
    assert wait_for(queue(scan([1, 2])), "completed").inserted == 1
    until(lambda: worker.importer_pid not in (None, importer))


def test_an_importer_killed_while_idle_is_replaced(service, worker, queue, wait_for):
    until(lambda: worker.importer_pid is not None)
    os.kill(importer := worker.importer_pid, signal.SIGKILL)
    until(lambda: process_id._started(importer) == "")
    assert wait_for(queue(scan([1])), "completed", "failed").state == "completed"


@pytest.mark.parametrize("state", ["reading", "staging", "promoting"])
def test_a_running_import_is_cancelled(working, service, queue, wait_for, query, long_scan, state):
    record = queue(long_scan)
    wait_for(record, state)
    assert service.cancel(record.id).state == "cancelled"
    assert query("SELECT count(*) FROM findings") == [(0,)]
    assert import_snapshots.find(record.session_id)["error"]["code"] == "CANCELLED"
    assert wait_for(queue(scan([1])), "completed").inserted == 1
    until(lambda: query(STAGED) == [(0,)] and not leftovers(working))


def test_an_import_is_cancelled_before_its_importer_has_it(working, service, queue, wait_for, query, just_taken):
    cancelled = just_taken(lambda record: service.cancel(record.id))
    record = queue(scan([1]))
    assert cancelled.result(timeout=120).state == "cancelled"
    assert wait_for(record, "cancelled").rows_read == 0
    assert wait_for(queue(scan([1, 2])), "completed").inserted == 2


def test_a_stop_before_the_importer_has_its_import(working, service, worker, queue, query, just_taken):
    stopped = just_taken(lambda record: worker.stop_gently())
    record = queue(scan([1]))
    stopped.result(timeout=120)
    assert import_snapshots.find(record.session_id)["message"].endswith("goes on by itself when it is back.")
    assert query("SELECT state, lease_until, rows_read FROM imports") == [("reading", 0, 0)]
    assert worker.importer_pid is None


@pytest.mark.parametrize("state", ["reading", "promoting"])
def test_another_process_asks_for_a_cancel(working, service, queue, wait_for, query, long_scan, state):
    """By a file: the database is locked while an import is promoted; it may be read while the importer process is still starting."""
    record = queue(long_scan)
    wait_for(record, state)
    files.request_cancel(working.config["INSTANCE_PATH"], record)
    wait_for(record, "cancelled")
    files.withdraw_cancel(working.config["INSTANCE_PATH"], record)
    assert query("SELECT count(*) FROM findings") == [(0,)]
    assert wait_for(queue(scan([1])), "completed").inserted == 1


def test_nobody_who_watches_is_without_a_word_while_the_importer_has_none(queue, wait_for, long_scan, stopped_importer):
    records = at_work, waiting = queue(long_scan), queue(scan([1]), source_label="b")
    wait_for(at_work, "staging")
    with stopped_importer():
        time.sleep(0.5)  # what it had said before has been heard
        before = [number_of(record) for record in records]
        until(lambda: all(number_of(each) > 4 + told for each, told in zip(records, before, strict=True)))
    assert wait_for(at_work, "completed").inserted == LONG_ROWS
    assert wait_for(waiting, "completed").inserted == 1


def test_an_import_says_what_it_waits_for_when_that_is_no_import(service, worker, queue, wait_for, stopped_importer):
    done = wait_for(queue(scan([1, 2])), "completed")
    until(lambda: worker._runner.current is None)  # the importer has cleaned up
    with ThreadPoolExecutor() as pool:
        with stopped_importer():
            undone = pool.submit(service.undo, done.id)
            until(lambda: worker.is_at_work)  # it has been handed over
            waiting = queue(scan([1]), source_label="b")
            expected = "Waiting for an undo to finish..."
            until(lambda: import_snapshots.find(waiting.session_id)["message"] == expected)
        assert undone.result(timeout=120).undone_at
    assert wait_for(waiting, "completed").inserted == 1


def test_a_queued_import_waits_says_so_and_can_be_cancelled(service, queue, wait_for, long_scan):
    first, second, third = queue(long_scan), queue(scan([1]), source_label="b"), queue(scan([2]), source_label="c")
    until(lambda: import_snapshots.find(second.session_id)["message"] == "Waiting for another import to finish...")
    assert import_snapshots.find(third.session_id)["metadata"]["queuePosition"] == 2
    service.cancel(second.id)
    assert wait_for(first, "completed").inserted == LONG_ROWS
    assert wait_for(third, "completed").inserted == 1
    assert wait_for(second, "cancelled").started_at is None


def test_an_import_that_asks_is_confirmed_before_its_importer_has_said_so(
    working, service, queue, wait_for, monkeypatch
):
    """The row tells clients of the question a little earlier than the importer tells its parent."""
    wait_for(queue(scan(range(30))), "completed")
    plain, asked = ImporterProcess.messages, []

    def messages(process):
        for message in plain(process):
            if message["type"] == "awaiting":
                service.confirm(asked[0])
            yield message

    monkeypatch.setattr(ImporterProcess, "messages", messages)
    record = queue(scan([1]))
    asked.append(record.id)
    assert wait_for(record, "completed", "failed").resolved == 29
    until(lambda: import_snapshots.find(record.session_id)["status"] == "completed")


def test_an_import_that_is_claimed_while_it_is_cancelled_is_cancelled(
    working, service, queue, wait_for, long_scan, monkeypatch
):
    runner = working.extensions["import_worker"]._runner
    end = runner.end

    def once_claimed(row, *how):
        until(lambda: import_queue.existing(row.id).epoch > row.epoch)
        monkeypatch.setattr(runner, "end", end)
        end(row, *how)

    queue(long_scan, source_label="first")
    record = queue(long_scan, source_label="second")
    monkeypatch.setattr(runner, "end", once_claimed)
    assert service.cancel(record.id).state == "cancelled"
    wait_for(record, "cancelled")


def test_an_import_that_asks_is_cancelled_while_its_importer_cleans_up(working, service, worker, queue, wait_for):
    wait_for(queue(scan(range(30))), "completed")
    record = wait_for(queue(scan([1])), "awaiting-confirmation")
    runner = worker._runner
    until(lambda: runner.current is None)
    runner.current = record
    threading.Timer(0.2, setattr, (runner, "current", None)).start()
    assert service.cancel(record.id).state == "cancelled"


def test_what_has_ended_cannot_be_cancelled_or_confirmed(service, queue, wait_for):
    record = wait_for(queue(scan([1])), "completed")
    with pytest.raises(Conflict, match="already ended"):
        service.cancel(record.id)
    with pytest.raises(Conflict, match="does not wait for"):
        service.confirm(record.id)
    with pytest.raises(NotFound):
        service.cancel(record.id + 1)


def test_an_undo_waits_for_the_import_before_it(service, queue, wait_for, query, long_scan):
    first = wait_for(queue(scan([1])), "completed")
    wait_for(queue(long_scan, source_label="b"), "reading", "staging")
    assert service.undo(first.id).undone_at
    assert query("SELECT count(*) FROM findings") == [(LONG_ROWS,)]


def test_an_importer_killed_in_an_undo_leaves_everything(working, service, worker, queue, wait_for, query, engine):
    record = wait_for(queue(scan([1, 2])), "completed")
    until(lambda: query(STAGED) == [(0,)])
    until(lambda: not worker.is_at_work)  # the importer is idle again
    with engine.begin() as connection, pytest.raises(HexTrackrError) as failure:
        lock_source(connection, record.source_id)  # the undo waits for this transaction
        threading.Thread(target=killed_at_work, args=(worker,)).start()
        service.undo(record.id)
    assert failure.value.code == "INTERRUPTED"
    assert query("SELECT count(*) FROM findings") == [(2,)]
    assert service.undo(record.id).undone_at
    assert query("SELECT count(*) FROM findings") == [(0,)]


def test_a_refused_file_says_why_and_is_kept_to_be_tried_again(working, service, queue, wait_for):
    record = wait_for(queue(b"name,price,quantity\n1,2,3\n"), "failed")
    assert (record.error_code, record.rows_read) == ("UNKNOWN_FORMAT", 0)
    assert [path.name for path in leftovers(working)] == [record.upload]


def test_an_unreadable_file_leaves_nothing(working, service, queue, wait_for):
    assert wait_for(queue(b"%PDF-1.7 and so on"), "failed").error_code == "UNREADABLE_CSV"
    until(lambda: not leftovers(working))


def test_a_failed_upload_that_nobody_tries_again_is_forgotten(working, service, queue, wait_for, engine, query):
    wait_for(queue(b"name,price,quantity\n1,2,3\n"), "failed")
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE imports SET finished_at = finished_at - 86400001")
    until(lambda: query("SELECT upload FROM imports") == [("",)] and not leftovers(working))


def test_an_upload_that_is_gone_is_an_error_and_no_crash(working, service, queue, wait_for):
    record = queue(scan([1]), submit=False)
    (working.config["INSTANCE_PATH"] / "uploads" / record.upload).unlink()
    service.submit(record)
    assert wait_for(record, "failed").error_code == "UNREADABLE_CSV"


def test_nobody_confirming_within_a_day_cancels(service, queue, wait_for, engine):
    wait_for(queue(scan(range(30))), "completed")
    record = wait_for(queue(scan([1])), "awaiting-confirmation")
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE imports SET created_at = created_at - 86400001 WHERE id = :id"), {"id": record.id}
        )
    assert "24 hours" in wait_for(record, "cancelled").error_detail


def test_a_restart_takes_up_what_was_under_way(config, serving, queue, wait_for, long_scan, engine):
    """The server ended in mid-import: the next one finishes it by itself, and its watchers see the numbering go on."""
    record = queue(long_scan, submit=False)
    with engine.begin() as connection:
        connection.execute(text("UPDATE imports SET state = 'staging', attempts = 1 WHERE id = :id"), {"id": record.id})
    (config.INSTANCE_PATH / "uploads" / "half.part").write_bytes(b"x")

    with serving():
        snapshot = import_snapshots.find(record.session_id)
        assert snapshot["status"] == "processing"
        assert snapshot["metadata"]["sequence"] > 1_000_000
        assert wait_for(record, "completed").inserted == LONG_ROWS
        assert not (config.INSTANCE_PATH / "uploads" / "half.part").exists()


def test_an_import_in_which_the_server_keeps_ending_is_given_up(serving, queue, wait_for, engine):
    record = queue(scan([1]), submit=False)
    with engine.begin() as connection:
        connection.execute(text("UPDATE imports SET state = 'reading', attempts = 3 WHERE id = :id"), {"id": record.id})
    with serving():
        ended = wait_for(record, "failed")
        assert (ended.error_code, "3 times" in ended.error_detail) == ("INTERRUPTED", True)


def _answered(config, serving, queue, wait_for, answer):
    """A file that would resolve 29 of 30 findings, answered by a server that ends in that moment; what the next one makes of it."""
    with serving() as served:
        wait_for(queue(scan(range(30)), submit=False), "completed")
        wait_for(queue(scan(range(40)), submit=False, source_label="Rome"), "completed")
        record = wait_for(queue(scan([1]), submit=False), "awaiting-confirmation")
    with served.app_context():
        assert served.extensions["import_queue"].confirm(record.id, answer)
    (config.INSTANCE_PATH / "uploads" / record.upload).unlink()  # nothing is read again
    return record


@pytest.mark.parametrize(
    ("answer", "state", "figures"),
    [
        (YES, "completed", (0, 29)),
        (Answer(source="Rome"), "awaiting-confirmation", (0, 0)),
    ],
    ids=["yes", "a source with findings"],
)
def test_an_answer_outlives_the_server_that_took_it(config, serving, queue, wait_for, answer, state, figures):
    record = _answered(config, serving, queue, wait_for, answer)
    with serving():
        done = wait_for(record, state, "failed")
        assert (done.state, (done.inserted, done.resolved)) == (state, figures)
        if state != "completed":
            assert (done.answered, done.forecast["resolved"], done.forecast["openBefore"]) == (False, 39, 40)
            import_service.confirm(record.id)
            assert wait_for(record, "completed").resolved == 39


def test_an_importer_killed_after_an_answer_leaves_it_answered(config, serving, engine, queue, wait_for, query):
    """The transaction is gone with its process; whoever takes the import over promotes what is staged, into the source that was said."""
    with serving() as served:
        wait_for(queue(scan(range(30)), submit=False), "completed")
        record = wait_for(queue(scan([1]), submit=False), "awaiting-confirmation")
    with served.app_context():
        assert served.extensions["import_queue"].confirm(record.id, Answer(source="Paris"))
    with engine.begin() as connection:  # as one that was claimed by a process which has died in the middle of it
        connection.execute(
            text("UPDATE imports SET lease_until = 1, owner = 'gone', epoch = epoch + 1 WHERE id = :id"),
            {"id": record.id},
        )
    (config.INSTANCE_PATH / "uploads" / record.upload).unlink()
    with serving():
        done = wait_for(record, "completed", "failed")
    assert (done.state, done.inserted, done.source_label) == ("completed", 1, "Paris")
    assert query("SELECT count(*) FROM findings WHERE lifecycle = 'active'") == [(31,)]


def test_stopping_the_server_leaves_the_import_for_the_next_start(working, queue, wait_for, long_scan):
    record = queue(long_scan)
    wait_for(record, "staging", "promoting")
    working.extensions["import_worker"].stop()
    time.sleep(0.5)
    with working.app_context():
        assert import_queue.get(record.id).state in ("staging", "promoting")
        assert (working.config["INSTANCE_PATH"] / "uploads" / record.upload).exists()


def test_a_stop_is_the_last_word_to_the_watchers(working, service, worker, queue, wait_for, long_scan):
    record = queue(long_scan)
    wait_for(record, "staging", "promoting")
    worker.stop_gently()
    assert import_snapshots.find(record.session_id)["message"].endswith("goes on by itself when it is back.")
    time.sleep(0.3)  # nothing that the importer had already said comes after it
    assert import_snapshots.find(record.session_id)["message"].endswith("goes on by itself when it is back.")
