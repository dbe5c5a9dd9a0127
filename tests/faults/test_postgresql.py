"""A PostgreSQL that is out of reach, restarted, crashed, locked or full; and imports that promote side by side."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import text

from config import TestingConfig
from hextrackr.db import dialects, engines
from hextrackr.db.error_mapping import error_from_exception
from hextrackr.domain import lifecycle
from hextrackr.errors import DatabaseUnavailable
from tests.support import postgresql
from tests.support.client import get, upload
from tests.support.databases import migrate
from tests.support.exports import scan
from tests.support.importer import importer
from tests.support.running_app import UNTOLD, RunningApp
from tests.support.server import running
from tests.support.staging import dump

pytestmark = pytest.mark.system

LARGE = scan(range(300), range(1001, 1101))


@pytest.fixture(scope="module")
def server(postgresql_server) -> Iterator[postgresql.Server]:
    """One that may be restarted: nobody else uses it."""
    with postgresql.serving(
        **{**postgresql.FOR_TESTS, "synchronous_commit": "on"}
    ) as server:  # what was committed outlives a crash
        yield server


@pytest.fixture(scope="module")
def template(server, tmp_path_factory) -> str:
    name = server.create()
    migrate(TestingConfig(INSTANCE_PATH=tmp_path_factory.mktemp("unused"), DATABASE_URL=server.url(name)))
    return name


@pytest.fixture
def config(server, template, tmp_path) -> TestingConfig:
    instance = tmp_path / "instance"
    instance.mkdir()
    return TestingConfig(INSTANCE_PATH=instance, DATABASE_URL=server.url(server.create(template)))


STATES = {
    "53100": "DISK_FULL", "53200": "OUT_OF_MEMORY", "53300": "SQLITE_BUSY", "55P03": "SQLITE_BUSY", "57014": "SQLITE_BUSY",
    "40001": "SQLITE_BUSY", "40P01": "SQLITE_BUSY", "57P01": "DATABASE_UNAVAILABLE", "57P02": "DATABASE_UNAVAILABLE",
    "57P03": "DATABASE_UNAVAILABLE", "08006": "DATABASE_UNAVAILABLE", "25006": "DATABASE_UNAVAILABLE", "28P01": "DATABASE_UNAVAILABLE",
    "3D000": "DATABASE_UNAVAILABLE", "42501": "DATABASE_UNAVAILABLE", "58030": "DATABASE_UNAVAILABLE", "XX001": "DATABASE_UNAVAILABLE",
    "23505": "INTERNAL", "42703": "INTERNAL",
}  # fmt: skip


@pytest.mark.parametrize(("state", "code"), STATES.items())
def test_every_sqlstate_has_its_code(state, code):
    told = error_from_exception(psycopg.errors.lookup(state)('relation "findings" at 127.0.0.1: SELECT 1'))
    assert told.code == code
    assert not UNTOLD.search(told.detail)


def test_what_comes_without_a_sqlstate(engine):
    assert error_from_exception(psycopg.OperationalError("consuming input failed")).code == "DATABASE_UNAVAILABLE"
    assert error_from_exception(psycopg.InterfaceError("the connection is lost")).code == "DATABASE_UNAVAILABLE"
    assert error_from_exception(psycopg.DataError("no such value")).code == "INTERNAL"
    nobody = engines.open_database("postgresql+psycopg://nobody@127.0.0.1:1/none")
    with pytest.raises(Exception) as refused, nobody.connect():
        pass
    assert error_from_exception(refused.value).code == "DATABASE_UNAVAILABLE"


def test_a_server_that_is_away_is_told_of_and_comes_back(server, client):
    assert client.get("/api/imports").status_code == 200
    server.stop()
    try:
        for path in ("/api/imports", "/api/vulnerabilities", "/api/vulnerabilities/stats", "/hosts/1"):
            answer = client.get(path)
            assert answer.status_code == 503
            assert "DATABASE_UNAVAILABLE" in answer.text or "Database unavailable" in answer.text
            assert "127.0.0.1" not in answer.text and "hextrackr@" not in answer.text
        assert client.get("/health").status_code == 200
    finally:
        server.start()
    assert client.get("/api/imports").status_code == 200


@pytest.mark.parametrize(
    ("state", "mode"),
    [("reading", "fast"), ("staging", "immediate"), ("promoting", "immediate")],
)
def test_a_restart_in_the_middle_of_an_import(server, start_app, state, mode):
    app = start_app()
    before = app.findings()
    import_id = app.upload(LARGE, confirm="true")
    app.reached(import_id, state, "completed")
    server.stop(mode)
    server.start()
    record = ended(app, import_id)
    if record["state"] == "failed":
        app.assert_failed(import_id, "DATABASE_UNAVAILABLE", before)
        app.assert_recovers(import_id)
    else:
        assert record["inserted"] + record["unchanged"] == 30_000


def ended(app: RunningApp, import_id: int) -> dict:
    """Wait for the end; until the database is back, nobody can tell."""
    deadline = time.monotonic() + 60
    while (record := app.record(import_id)).get("state") not in ("completed", "failed", "cancelled"):
        assert time.monotonic() < deadline, record
        time.sleep(0.05)
    return record


def test_what_a_crash_empties_is_staged_anew(server, start_app, query):
    app = start_app()
    assert app.ended(app.upload(scan(range(100))))["state"] == "completed"
    asking = app.upload(scan(range(1, 10), (1001, 1002), severity="Low"))
    forecast = app.reached(asking, "awaiting-confirmation")
    app.rested()
    assert query("SELECT count(*) FROM staging_findings") == [(18,)]
    server.stop("immediate")
    server.start()
    assert query("SELECT count(*) FROM staging_findings") == [(0,)]
    answer = app.confirm(asking)
    assert answer.status_code == 200, answer.json
    done = ended(app, asking)
    assert (done["state"], done["resolved"], done["inserted"]) == ("completed", forecast["forecast"]["resolved"], 9)
    assert query("SELECT count(*) FROM findings WHERE lifecycle <> 'resolved'") == [(18,)]


@pytest.mark.parametrize("table", ["staging_assets", "staging_findings", "staging_observations"])
def test_rows_that_a_crash_takes_from_staging_are_missed(config, engine, tmp_path, monkeypatch, table):
    """A crash between two batches goes unnoticed by the next one, which has a new connection."""
    copied = dialects.copy_lines

    def crash_and_copy(connection, into, names, lines):
        if into == "staging_definitions":
            connection.execute(text(f"DELETE FROM {table}"))
        copied(connection, into, names, lines)

    monkeypatch.setattr(dialects, "copy_lines", crash_and_copy)
    with pytest.raises(DatabaseUnavailable):
        importer(engine, config.database_url, tmp_path)(scan([1, 2]))
    assert dump(engine)["findings"] == []


def test_a_lock_of_some_seconds_only_delays(start_app, engine):
    app = start_app()
    with engine.begin() as other:
        other.execute(text("LOCK TABLE findings IN ACCESS EXCLUSIVE MODE"))
        import_id = app.upload(scan([1, 2, 3]))
        app.reached(import_id, "promoting")
        time.sleep(2)
    assert ended(app, import_id)["inserted"] == 1


def test_a_lock_longer_than_the_patience_ends_the_import(config, engine, tmp_path, monkeypatch):
    bring = importer(engine, config.database_url, tmp_path)
    bring(scan([1]))
    before = dump(engine)
    opened = engines.open_database
    monkeypatch.setattr(engines, "open_database", lambda url, patience=0, **more: opened(url, 300, **more))
    with engine.begin() as other:
        other.execute(text("LOCK TABLE assets IN ACCESS EXCLUSIVE MODE"))
        with pytest.raises(Exception) as failure:
            bring(scan([1, 2]))
    assert error_from_exception(failure.value).code == "SQLITE_BUSY"
    assert dump(engine) == before


def test_the_event_loop_goes_on_while_postgresql_is_waited_for(config, engine):
    with running(DATABASE_URL=config.DATABASE_URL) as served:
        assert upload(served, scan([1]))[0] == 200
        answers: list[int] = []
        asking = threading.Thread(target=lambda: answers.append(get(served, "/api/mappings")[0]), daemon=True)
        with engine.begin() as other:
            other.execute(text("LOCK TABLE saved_mappings IN ACCESS EXCLUSIVE MODE"))
            asking.start()
            for _ in range(20):  # a loop that is held up would answer none of these before the lock times out
                assert get(served, "/health")[0] == 200
                time.sleep(0.05)
            assert answers == []
        asking.join(timeout=30)
    assert answers == [200]


def test_no_space_left(server, start_app, engine, small_disk, tmp_path):
    app = start_app()
    before = app.findings()
    space = tmp_path / "space"
    small_disk(space, "2m")
    server.own(space)
    server.run(f"CREATE TABLESPACE small LOCATION '{space}'")
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE findings SET TABLESPACE small"))
    import_id = app.upload(LARGE, confirm="true")
    app.assert_failed(import_id, "DISK_FULL", before)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE findings SET TABLESPACE pg_default"))
    server.run("DROP TABLESPACE small")
    app.assert_recovers(import_id)


def test_a_cancel_in_promotion_ends_the_work_of_the_server_too(start_app, engine, query):
    app = start_app()
    before = app.findings()
    with engine.begin() as other:
        other.execute(text("LOCK TABLE findings IN SHARE MODE"))  # the promotion waits in the middle
        import_id = app.upload(scan([1, 2, 3]))
        app.reached(import_id, "promoting")
        began = time.monotonic()
        app.cancel(import_id)
        assert ended(app, import_id)["state"] == "cancelled"
        assert time.monotonic() - began < 20  # the statement alone would wait for the lock for 30 s
    assert app.findings() == before


def test_imports_of_two_sources_promote_side_by_side_and_of_one_after_the_other(config, engine, tmp_path, monkeypatch):
    bring = importer(engine, config.database_url, tmp_path)
    bring(scan([1]), source_label="a")
    bring(scan([1]), source_label="b")
    inside, both, order = threading.Semaphore(0), threading.Event(), []
    compare = lifecycle.compare

    def meet(connection, scan, *rest):
        order.append(("begins", scan.import_id))
        inside.release()
        if scan.source_id == 1 and not both.is_set():
            assert inside.acquire(timeout=30) and inside.acquire(timeout=30), "the other source had to wait"
            both.set()
        outcome = compare(connection, scan, *rest)
        order.append(("ends", scan.import_id))
        return outcome

    monkeypatch.setattr(lifecycle, "compare", meet)
    failed: list[BaseException] = []

    def run(hosts, label):
        try:
            bring(scan(hosts), source_label=label)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=arguments) for arguments in ((range(5), "a"), (range(6), "b"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert both.is_set()

    order.clear()
    threads = [threading.Thread(target=run, args=(range(7 + number), "a")) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert [kind for kind, _ in order] == ["begins", "ends"] * 3


def test_an_error_of_the_server_is_told_without_its_innards(client, engine):
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE imports RENAME COLUMN filename TO hidden"))
    answer = client.get("/api/imports")
    assert (answer.status_code, answer.json["error"]["code"]) == (500, "INTERNAL")
    assert not UNTOLD.search(answer.json["error"]["detail"])
