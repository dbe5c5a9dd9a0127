"""A record that is cleared, or replaced by a backup, is followed by the copy."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import orjson
import pytest

from hextrackr.jobs.backups import operations
from hextrackr.jobs.backups.operations import Operation
from tests.support.exports import scan

pytestmark = pytest.mark.sqlite("only there is the record replaced by HexTrackr itself")


@pytest.fixture
def carry_out(config, engine, tmp_path):
    def run(kind, kept, source=""):
        database = config.INSTANCE_PATH / "hextrackr.sqlite3"
        paths = (str(database), str(tmp_path / kept), str(tmp_path / source) if source else "", str(tmp_path / "work"))
        engine.dispose()
        operations.carry_out(
            Operation(kind, *paths, mark=len(kept), instance=str(config.INSTANCE_PATH)), lambda progress, message: None
        )

    return run


def test_the_copy_follows_a_file_that_somebody_has_put_in_place(reader, run_import, config, engine):
    """Its version is lower than that of the copy."""
    database = config.INSTANCE_PATH / "hextrackr.sqlite3"
    run_import(scan([1, 2], severity="High"))
    with closing(sqlite3.connect(database)) as before, closing(sqlite3.connect(f"{database}.before")) as kept:
        before.backup(kept)
    run_import(scan([1, 2, 3], severity="Low", last_seen="2026-08-08T03:00:00.000Z"))
    assert orjson.loads(reader.ask("open_by_severity")) == [[1, 3]]
    engine.dispose()
    for suffix in ("-wal", "-shm"):
        database.with_name(database.name + suffix).unlink(missing_ok=True)
    Path(f"{database}.before").replace(database)
    assert orjson.loads(reader.ask("open_by_severity")) == [[3, 2]]


def test_the_copy_follows_a_clear_and_a_restore(reader, run_import, carry_out):
    def is_open():
        reader.refresh()
        return orjson.loads(reader.ask("open_by_severity"))

    run_import(scan([1, 2], severity="High"))
    carry_out("backup", "backup.sqlite3")
    assert is_open() == [[3, 2]]
    versions = [reader.status()["version"]]
    carry_out("clear", "before-clear.sqlite3")
    assert is_open() == []
    versions.append(reader.status()["version"])
    run_import(scan([1], severity="Low"))
    assert is_open() == [[1, 1]]
    versions.append(reader.status()["version"])
    carry_out("restore", "before-restore.sqlite3", "backup.sqlite3")
    assert is_open() == [[3, 2]]
    versions.append(reader.status()["version"])
    assert versions == sorted(set(versions))
