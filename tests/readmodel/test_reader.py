"""The reader process: what it answers, and what becomes of a question when something is wrong."""

from __future__ import annotations

import os
import random
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import orjson
import pytest
from sqlalchemy import text

from hextrackr.domain import undo
from hextrackr.errors import DatabaseBusy, HexTrackrError, NotFound, OutOfMemory, QueryTooSlow, RequestError
from hextrackr.readmodel import client, questions
from hextrackr.readmodel.client import Reader
from hextrackr.readmodel.copy import refresh
from hextrackr.readmodel.reader import Answers, Refresher
from tests.support import databases
from tests.support.exports import scan
from tests.support.waiting import until

LATER = "2026-08-08T03:00:00.000Z"


def is_open(reader, **options):
    return orjson.loads(reader.ask("open_by_severity", **options))


def test_it_is_started_by_the_first_question(reader, run_import):
    run_import(scan([1, 2], severity="High"))
    assert reader.pid is None
    assert is_open(reader) == [[3, 2]]
    assert reader.pid is not None
    assert reader.starts == 1


def test_it_answers_what_is_on_record_now(reader, run_import, engine):
    assert is_open(reader) == []
    run_import(scan([1, 2], severity="High"))
    assert is_open(reader) == [[3, 2]]
    second = run_import(scan([1], severity="Low", last_seen=LATER), confirmed=True)
    reader.refresh()
    assert is_open(reader) == [[1, 1]]
    undo.undo_import(engine, second.id)
    with engine.connect() as connection:
        version = connection.execute(text("SELECT version FROM record_version")).scalar_one()
    assert is_open(reader, at_least_version=version) == [[3, 2]]
    assert reader.status()["version"] == version


def test_it_tells_how_far_a_refresh_is(reader, run_import, monkeypatch):
    heard = []
    hear = property(lambda _: 0.0, lambda _, share: heard.append(share))
    monkeypatch.setattr(client._Child, "refreshed", hear, raising=False)
    run_import(scan([1, 2]))
    reader.refresh()
    start, *shares, end = heard
    assert (start, end) == (0.0, 0.0)
    assert shares == sorted(shares) and 0.0 < shares[-1] <= 1.0


def test_an_answer_that_is_bytes_already_is_passed_on(asked):
    assert asked.ask("as_bytes") == b'{"made": "here"}'


def test_an_answer_is_of_one_version(reader, run_import, tmp_path):
    """Also where the copy is brought up to date in the middle of it."""
    run_import(scan([1, 2]))
    begun, go_on = tmp_path / "begun", tmp_path / "go-on"
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(reader.ask, "twice", {"begun": str(begun), "go_on": str(go_on)})
        until(begun.exists)
        run_import(scan([1, 2, 3], last_seen=LATER))
        reader.refresh()
        assert is_open(reader) == [[3, 3]]
        go_on.touch()
        before, after = orjson.loads(asked.result())
    assert before == after == [2, 2]


def test_long_questions_hold_up_no_others(asked, tmp_path):
    begun, go_on = tmp_path / "begun", tmp_path / "go-on"
    with ThreadPoolExecutor() as pool:
        long = [pool.submit(asked.ask, "twice", {"begun": str(begun), "go_on": str(go_on)}) for _ in range(6)]
        try:
            until(begun.exists)
            assert is_open(asked) == [[3, 50]]
        finally:
            go_on.touch()
        assert [orjson.loads(each.result())[0][0] for each in long] == [50] * 6


def test_a_long_question_waits_for_the_record_as_it_is_now():
    questions.load("hextrackr.queries")
    waited = {}

    class Refresher:
        def ensure_fresh(self, until, at_least, newest):
            waited[asked] = newest
            raise DatabaseBusy

    for asked in ("export", "list_findings"):
        head = {"id": 1, "question": asked, "parameters": {}, "at_least": None, "newest": False, "until": 0.0}
        assert Answers(None, Refresher()).answer(head)[0]["error"]["code"] == DatabaseBusy.code
    assert waited == {"export": True, "list_findings": False}


def test_what_was_copied_of_a_record_that_was_replaced_is_no_answer(monkeypatch, engine, run_import, copy, the_record):
    """A question takes the version before, but not another record."""
    run_import(scan([1, 2]))
    refresh(copy, the_record)
    monkeypatch.setattr("hextrackr.readmodel.reader.PATIENCE", 0.0)
    monkeypatch.setattr("hextrackr.readmodel.reader.refresh", lambda *_arguments: threading.Event().wait())
    refresher = Refresher(copy, the_record, lambda _share: None)
    run_import(scan([1, 2, 3], last_seen=LATER))
    refresher.ensure_fresh(0.0, None, newest=False)
    with engine.begin() as connection:
        for table in ("record_version", "record_changes"):
            connection.execute(text(f"UPDATE {table} SET stamp = 'other'"))
    with pytest.raises(DatabaseBusy):
        refresher.ensure_fresh(0.0, None, newest=False)


def test_a_question_is_ended_when_nobody_waits_for_it_any_more(asked):
    starts = asked.starts
    with pytest.raises(QueryTooSlow):
        asked.ask("endless", deadline=300, is_wanted=lambda: False)
    assert asked.starts == starts


def test_a_question_that_takes_too_long_is_ended(asked):
    pid = asked.pid
    with pytest.raises(QueryTooSlow):
        asked.ask("endless", deadline=0.2)
    assert is_open(asked) == [[3, 50]]
    assert asked.pid == pid


def test_a_question_that_needs_too_much_memory_is_ended(asked):
    with pytest.raises(OutOfMemory):
        asked.ask("greedy")
    assert is_open(asked) == [[3, 50]]


def test_errors_of_questions_arrive_as_they_are(asked):
    with pytest.raises(RequestError) as refused:
        asked.ask("refuses")
    assert (refused.value.detail, refused.value.status) == ("The severity is none.", 400)
    with pytest.raises(NotFound) as unknown:
        asked.ask("never_heard_of")
    assert unknown.value.code == "UNKNOWN_QUESTION"
    with pytest.raises(HexTrackrError) as failed:
        asked.ask("rows_of", {"table": "no such table"})
    assert failed.value.code == "INTERNAL"
    assert "table" not in failed.value.detail


def test_a_process_that_was_killed_is_started_again(asked):
    starts = asked.starts
    for again in (1, 2):
        os.kill(asked.pid, signal.SIGKILL)
        assert is_open(asked) == [[3, 50]]
        assert asked.starts == starts + again


def test_whenever_it_is_killed_the_next_answer_is_right(reader, run_import):
    """In the middle of refreshes and of answers."""
    chance = random.Random(7)
    hosts = list(range(200))
    for number in range(6):
        day = f"2026-08-{number + 8:02}T03:00:00.000Z"
        run_import(scan(hosts, severity="High" if number % 2 else "Low", last_seen=day))
        asked = threading.Thread(target=reader.refresh)
        asked.start()
        if (pid := reader.pid) is not None:
            threading.Event().wait(chance.random() * 0.2)  # any instant will do
            os.kill(pid, signal.SIGKILL)
        asked.join()
        assert is_open(reader) == [[3 if number % 2 else 1, 200]]


def copies_in(config):
    return list((config.INSTANCE_PATH / "readmodel").glob("*.duckdb"))


def test_a_copy_that_was_deleted_is_made_anew(reader, run_import, config):
    run_import(scan([1]))
    is_open(reader)
    reader.close()
    (copy,) = copies_in(config)
    copy.unlink()
    assert is_open(reader) == [[3, 1]]


def test_a_copy_that_is_damaged_is_made_anew(reader, run_import, config):
    run_import(scan(range(300), range(1000, 1010)))
    is_open(reader)
    for at in (0, 4096, "middle", "cut"):
        reader.close()
        (copy,) = copies_in(config)
        content = bytearray(copy.read_bytes())
        if at == "cut":
            del content[len(content) // 2 :]
        else:
            place = len(content) // 2 if at == "middle" else at
            content[place : place + 4000] = b"\xaa" * min(4000, len(content) - place)
        copy.write_bytes(content)
        assert is_open(reader) == [[3, 3000]], at
        assert len(orjson.loads(reader.ask("rows_of", {"table": "finding"}))) == 3000, at


def test_a_copy_of_another_program_is_left_behind(reader, run_import, config):
    run_import(scan([1]))
    is_open(reader)
    reader.close()
    (copy,) = copies_in(config)
    other = copy.with_name("copy-0-ffff-0.9.duckdb")
    copy.rename(other)
    assert is_open(reader) == [[3, 1]]
    assert copies_in(config) == [copy]


def test_several_readers_of_one_folder_have_a_copy_each(reader, run_import, config):
    run_import(scan([1]))
    other = Reader(
        config.database_url, config.INSTANCE_PATH / "readmodel", memory_limit="64MB", seconds=60,
        package="tests.support.questions",
    )  # fmt: skip
    try:
        assert is_open(reader) == is_open(other) == [[3, 1]]
        assert len(copies_in(config)) == 2
    finally:
        other.close()


def test_many_may_ask_at_one_time(asked):
    with ThreadPoolExecutor(40) as pool:
        assert list(pool.map(lambda _: is_open(asked), range(200))) == [[[3, 50]]] * 200


def test_it_ends_when_whoever_asks_is_gone(reader, run_import):
    is_open(reader)
    pid = reader.pid
    reader._child._pipe.close()
    until(lambda: reader._child.is_gone)
    reader._child._process.wait()
    assert pid is not None
    assert is_open(reader) == []


def test_a_record_that_cannot_be_read_is_told(reader, run_import, config):
    run_import(scan([1]))
    is_open(reader)
    reader.close()
    gone = Reader(
        "sqlite:////nowhere/at/all.sqlite3", config.INSTANCE_PATH / "readmodel", memory_limit="64MB", seconds=60,
        package="tests.support.questions",
    )  # fmt: skip
    try:
        with pytest.raises(HexTrackrError) as refused:
            is_open(gone)
        assert refused.value.code == "DATABASE_UNAVAILABLE"
    finally:
        gone.close()


@pytest.mark.skipif(databases.ON_POSTGRESQL, reason="it looks at the files of SQLite")
def test_it_leaves_the_database_to_others(asked):
    """Between two questions it has nothing of the record open."""
    is_open(asked)
    opened = [os.readlink(f"/proc/{asked.pid}/fd/{number}") for number in os.listdir(f"/proc/{asked.pid}/fd")]
    assert not [path for path in opened if "sqlite3" in path]
