"""The files of backups: none takes the place of another, and nothing is left beside them."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor

import pytest

from hextrackr.jobs import files
from hextrackr.jobs.backups import copying, service

pytestmark = pytest.mark.sqlite("PostgreSQL is backed up by its own programs")


def test_backups_of_one_second_are_each_their_own(app, monkeypatch):
    monkeypatch.setattr(service.time, "strftime", lambda _: "20260820-101500")
    backups = app.extensions["backup_service"]
    with ThreadPoolExecutor(8) as pool:
        entries = list(pool.map(lambda _: backups._entry("backup", ""), range(8)))
    assert len({entry.name for entry in entries}) == len({entry.operation["backup"] for entry in entries}) == 8


def test_uploaded_backups_of_one_second_are_each_their_own(app, monkeypatch, tmp_path):
    monkeypatch.setattr(service.time, "strftime", lambda _: "20260820-101500")
    names = set()
    for number in range(3):
        path = tmp_path / "brought"
        path.write_bytes(b"SQLite format 3\0" + bytes([number]))
        names.add(app.extensions["backup_service"].take_in(path).name)
    assert len(names) == 3
    assert {path.read_bytes()[-1] for path in (app.config["INSTANCE_PATH"] / "backups").iterdir()} == {0, 1, 2}


def test_a_backup_takes_the_place_of_no_file(run, database, tmp_path):
    (tmp_path / "kept.sqlite3").write_text("mine")
    (tmp_path / "kept.part").write_text("mine as well")
    with pytest.raises((FileExistsError, AssertionError)):
        run("backup")
    run("backup", "other.sqlite3")
    assert (tmp_path / "kept.sqlite3").read_text() == "mine"
    assert (tmp_path / "kept.part").read_text() == "mine as well"


def test_a_backup_that_fails_leaves_nothing(run, database, tmp_path, monkeypatch):
    def fails(*_):
        raise sqlite3.OperationalError("disk I/O error")

    before = sorted(path.name for path in tmp_path.iterdir())
    monkeypatch.setattr(copying, "make_durable", fails)
    with pytest.raises(sqlite3.OperationalError):
        run("backup")
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_backup_is_durable_once_it_is_there(run, tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(
        copying, "make_durable", lambda *paths: synced.extend((path.name, listed(tmp_path)) for path in paths)
    )
    run("backup")
    assert [(name, there) for name, there in synced] == [("backup.sqlite3", False), (tmp_path.name, True)]


def listed(folder):
    return (folder / "kept.sqlite3").exists()


def test_what_a_process_that_is_gone_put_together_is_removed(tmp_path, monkeypatch):
    (tmp_path / "backups").mkdir()
    gone, mine = (
        tmp_path / "backups" / files.workspace_name(),
        tmp_path / "backups" / files.workspace_name(),
    )
    gone = gone.with_name(gone.name.replace(files.process_id.process(), "999999999-1"))
    for folder in (gone, mine):
        folder.mkdir()
        for name in ("backup.sqlite3", "backup.sqlite3-journal", "fitted.sqlite3-wal"):
            (folder / name).touch()
    files.tidy(tmp_path, [], [])
    assert list((tmp_path / "backups").iterdir()) == [mine]


def test_what_earlier_versions_left_is_removed_after_a_day(tmp_path, monkeypatch):
    (tmp_path / "backups").mkdir()
    for name in ("backup-20260820-101500.part", "backup-20260820-101500.part-journal"):
        (tmp_path / "backups" / name).touch()
    kept = tmp_path / "backups" / "backup-20260820-101500.sqlite3"
    kept.touch()
    monkeypatch.setattr(files, "STALE", -1)
    files.tidy(tmp_path, [], [])
    assert list((tmp_path / "backups").iterdir()) == [kept]
