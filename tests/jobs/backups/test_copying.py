"""Copies of a record that is in use, and a record that is replaced by one: the same rows, as a whole or not at all."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import date

import pytest

from hextrackr.db import revisions
from hextrackr.domain.models import ImportMode
from hextrackr.errors import BackupRefused, DatabaseBusy
from hextrackr.jobs.backups import copying, operations
from tests.support import ROOT
from tests.support.exports import COLUMNS, export, row
from tests.support.importer import importer
from tests.support.reference_model import Row
from tests.support.staging import dump, promote

pytestmark = pytest.mark.sqlite("PostgreSQL is backed up by its own programs")


def tables(path):
    """The rows of all tables, but for the version that each database has of its own."""
    with closing(sqlite3.connect(path)) as connection:
        names = [
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1")
        ]
        return {
            name: sorted(connection.execute(f"SELECT * FROM {name}"), key=repr)
            for name in names
            if not name.startswith("record_")
        }


def write(database, statement):
    with closing(sqlite3.connect(database)) as connection:
        connection.execute(statement)
        connection.commit()


@pytest.mark.parametrize("page_bytes", [4096, 16384])
def test_pages_of_another_size_fit(run, engine, database, tmp_path, page_bytes):
    before = tables(database)
    run("backup")
    with closing(sqlite3.connect(tmp_path / "kept.sqlite3")) as connection:
        connection.executescript(f"PRAGMA page_size = {page_bytes}; VACUUM")
    write(database, "DELETE FROM findings")
    run("restore", "replaced.sqlite3", tmp_path / "kept.sqlite3")
    assert tables(database) == before
    engine.dispose()  # who has it open keeps it as it is
    with closing(sqlite3.connect(database)) as connection:
        connection.executescript(
            f"PRAGMA journal_mode = DELETE; PRAGMA page_size = {page_bytes}; VACUUM; PRAGMA journal_mode = WAL"
        )
    run("clear", "cleared.sqlite3")
    assert tables(database)["findings"] == []


def test_a_backup_holds_every_row_in_one_private_file(run, database, tmp_path):
    told = run("backup")
    assert tables(tmp_path / "kept.sqlite3") == tables(database)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("kept")] == ["kept.sqlite3"]
    assert (tmp_path / "kept.sqlite3").stat().st_mode & 0o777 == 0o600
    progress = [number for number, _ in told]
    assert progress == sorted(progress)
    assert progress[-1] == 100


def test_a_backup_is_of_one_moment_whatever_is_written_meanwhile(database, tmp_path, monkeypatch):
    monkeypatch.setattr(copying, "_PAGES", 1)
    before = tables(database)

    def write_on(_done):
        write(database, "UPDATE findings SET port = port + 1")

    copying.back_up(database, tmp_path / "kept.sqlite3", tmp_path, write_on)
    assert tables(tmp_path / "kept.sqlite3") == before != tables(database)


def test_imports_under_way_have_ended_in_a_backup(run, database, tmp_path):
    write(database, "INSERT INTO imports SELECT * FROM (SELECT * FROM imports) WHERE 0")
    write(database, "UPDATE imports SET state = 'staging', upload = 'x.csv', owner = 'somebody'")
    run("backup")
    [record] = [row for row in tables(tmp_path / "kept.sqlite3")["imports"]]
    assert {"failed", "INTERRUPTED"} <= set(record)
    assert not {"x.csv", "somebody"} & set(record)


def test_a_restore_brings_back_every_row_and_keeps_what_it_replaced(run, database, engine, tmp_path):
    run("backup", "first.sqlite3")
    before = dump(engine)
    promote(engine, "b", date(2026, 8, 8), ImportMode.FULL, {("new", "plugin-9", 1): Row(4, 1)})
    after = dump(engine)
    told = run("restore", "second.sqlite3", tmp_path / "first.sqlite3")
    assert dump(engine) == before  # on connections that were open all the time
    assert told[-1][0] == 100
    run("restore", "third.sqlite3", tmp_path / "second.sqlite3")
    assert dump(engine) == after


@pytest.fixture
def evident(database, engine, config, tmp_path):
    """A record with evidence and details that a second import has changed, and a third that waits for an answer."""
    columns = (*COLUMNS, "output", "asset.tags", "definition.cwe")
    imported = importer(engine, config.database_url, tmp_path)
    for saw in ('Line 1\n"quoted", äöü €', "Line 2 \U0001f600"):
        rows = [
            row(host="a", asset_name="a", plugin="1", output=saw) | {"asset.tags": saw, "definition.cwe": "79"},
            row(host="b", asset_name="b", plugin="2"),
        ]
        assert imported(export(rows, columns=columns)).state == "completed"
    waits = export([row(host="c", asset_name="c", plugin="1", output="Line 3") | {"asset.tags": "x"}], columns=columns)
    assert imported(waits, preview=True).state == "awaiting-confirmation"
    return imported


def test_evidence_details_and_identifiers_come_back(run, database, evident, engine, tmp_path):
    run("backup", "first.sqlite3")
    before = tables(database)
    for name in ("evidence", "undo_evidence", "undo_details", "asset_identifiers"):
        assert before[name], name
    staged = [name for name in before if name.startswith("staging_") and before[name]]
    assert {"staging_evidence", "staging_details", "staging_identifiers"} <= set(staged)
    write(database, "UPDATE imports SET state = 'cancelled' WHERE state = 'awaiting-confirmation'")
    run("clear", "cleared.sqlite3")
    run("restore", "kept.sqlite3", tmp_path / "first.sqlite3")
    after = tables(database)
    assert [name for name in after if name.startswith("staging_") and after[name]] == []
    assert {record[0] for record in after["imports"] if "INTERRUPTED" in record} == {
        record[0] for record in before["imports"] if "awaiting-confirmation" in record
    }
    same = [name for name in before if not name.startswith("staging_") and name != "imports"]
    assert {name: after[name] for name in same} == {name: before[name] for name in same}


def test_a_clear_leaves_the_tables_and_no_row(run, database, engine, tmp_path):
    before = dump(engine)
    run("clear")
    assert set(map(len, dump(engine).values())) == {0}
    run("restore", "again.sqlite3", tmp_path / "kept.sqlite3")
    assert dump(engine) == before


def test_an_older_backup_is_brought_up_to_this_version(run, database, engine, tmp_path):
    run("backup", "old.sqlite3")
    environment = {"INSTANCE_PATH": str(tmp_path / "older"), "PATH": ""}
    (tmp_path / "older").mkdir()
    shutil.copy(tmp_path / "old.sqlite3", tmp_path / "older" / "hextrackr.sqlite3")
    subprocess.run(
        [sys.executable, "-m", "flask", "db", "downgrade", str(len(revisions.known()) - 1)],
        env=environment, check=True, capture_output=True, cwd=ROOT,
    )  # fmt: skip
    copying.close_log(tmp_path / "older" / "hextrackr.sqlite3")
    assert "record_version" not in tables(tmp_path / "older" / "hextrackr.sqlite3")
    before = dump(engine)
    run("clear", "cleared.sqlite3")
    run("restore", "kept.sqlite3", tmp_path / "older" / "hextrackr.sqlite3")
    assert dump(engine) == before


def test_what_a_backup_holds_may_be_in_the_way_of_its_migration(tmp_path):
    operations.make_database(tmp_path, revisions.known()[0])
    write(tmp_path / operations.DATABASE, "CREATE TABLE record_version (id)")
    with pytest.raises(BackupRefused, match="upgraded to this version"):
        operations.make_database(tmp_path)


def damaged(path):
    """Every page but the first is overwritten."""
    content = bytearray(path.read_bytes())
    content[8192:] = b"\x5a" * (len(content) - 8192)
    path.write_bytes(content)


def newer(path):
    write(path, "UPDATE alembic_version SET version_num = '9999999999'")


def foreign(path):
    path.unlink()
    write(path, "CREATE TABLE recipes (name TEXT)")


def dangling(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("DELETE FROM assets")
        connection.commit()


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (damaged, "damaged"), (newer, "newer version"), (foreign, "not a backup of HexTrackr"), (dangling, "refer to rows"),
        (lambda path: path.write_text("hostname,severity\n"), "not a backup of HexTrackr"),
        (lambda path: path.write_bytes(b""), "not a backup"),
    ],
    ids=["damaged", "newer", "foreign", "dangling", "a CSV", "empty"],
)  # fmt: skip
def test_what_cannot_be_restored_changes_nothing(run, database, engine, tmp_path, spoil, sentence):
    run("backup", "bad.sqlite3")
    spoil(tmp_path / "bad.sqlite3")
    before = dump(engine)
    with pytest.raises(BackupRefused, match=sentence):
        run("restore", "kept.sqlite3", tmp_path / "bad.sqlite3")
    assert dump(engine) == before
    assert not (tmp_path / "kept.sqlite3").exists()


KILLED = """
import sys, time
from pathlib import Path
from hextrackr.jobs.backups import copying
copying._PAGES = 1
def slow(done):
    print(done, flush=True)
    time.sleep(0.01)
copying.put_in_place(Path(sys.argv[1]), Path(sys.argv[2]), slow)
"""


def test_a_restore_that_is_killed_halfway_changes_nothing(run, database, engine, tmp_path):
    before = dump(engine)
    run("backup", "first.sqlite3")
    run("clear", "kept.sqlite3")
    empty = dump(engine)
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path / "first.sqlite3"), str(database)],
        stdout=subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip
    for _ in range(5):
        assert child.stdout.readline()
    child.kill()
    child.wait()
    child.stdout.close()
    assert dump(engine) == empty
    run("restore", "again.sqlite3", tmp_path / "first.sqlite3")
    assert dump(engine) == before


def test_a_database_that_somebody_else_holds_is_not_replaced(run, database, engine, tmp_path, monkeypatch):
    monkeypatch.setattr(copying, "_PATIENCE", 0.1)
    run("backup", "first.sqlite3")
    before = dump(engine)
    with closing(sqlite3.connect(database)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseBusy):
            run("restore", "kept.sqlite3", tmp_path / "first.sqlite3")
    assert dump(engine) == before
