"""Each operation that changes what a list could show raises the version of the record; nothing else does."""

from __future__ import annotations

import shutil
from datetime import date

import pytest
from sqlalchemy.orm import Session

from hextrackr.domain import merging, record_version, sources, undo
from hextrackr.ingest import staging
from hextrackr.jobs.backups import copying, operations
from hextrackr.jobs.backups.operations import Operation
from tests.support.exports import scan
from tests.support.importer import importer

FIRST = scan([1, 2])
SECOND = scan([1, 2, 3], severity="Critical")
LATE = scan([4], first_observed="2026-06-01T08:00:00.000Z", last_seen="2026-07-01T03:00:00.000Z")


class Record:
    """A record with one import, and what can be done with it."""

    def __init__(self, engine, config, tmp_path):
        self._engine, self._config, self._folder = engine, config, tmp_path
        self._import = importer(engine, config.database_url, tmp_path)
        self.latest = self.take(FIRST, "2026-10-02")

    def take(self, content, day, **columns):
        return self._import(content, scan_date=date.fromisoformat(day), **columns)

    def follow(self):
        self.latest = self.take(SECOND, "2026-10-09", confirmed=True)

    def repeat(self):
        self.take(FIRST, "2026-10-02", digest="0" * 64)
        self.take(FIRST, "2026-10-02", digest="0" * 64)

    def import_late(self):
        self.take(LATE, "2026-09-01")

    def ask_first(self):
        asked = self.take(SECOND, "2026-10-09", preview=True)
        assert asked.state == "awaiting-confirmation"

    def undo(self):
        undo.undo_import(self._engine, self.latest.id)

    def rename(self):
        self._of_source(lambda session: sources.rename(session, 1, "Berlin"))

    def retire(self):
        self._of_source(lambda session: sources.retire(session, 1, date(2026, 10, 9)))

    def merge(self):
        other = self.take(SECOND, "2026-10-09", source_label="other")
        merging.merge(self._engine, other.source_id, 1)

    def _of_source(self, change):
        with Session(self._engine) as session, session.begin():
            change(session)

    def clean_up(self):
        staging.clean_up(self._engine)

    def clear(self):
        self._replace("clear")

    def restore(self):
        database = self._config.INSTANCE_PATH / "hextrackr.sqlite3"
        (self._folder / "backing-up").mkdir()
        copying.back_up(database, self._folder / "source.sqlite3", self._folder / "backing-up", lambda done: None)
        self._replace("restore")

    def _replace(self, kind):
        folder = self._folder / "replacing"
        database = self._config.INSTANCE_PATH / "hextrackr.sqlite3"
        folder.mkdir()
        operation = Operation(
            kind, str(database), str(folder / "before.sqlite3"), str(self._folder / "source.sqlite3"), str(folder / "work"),
            mark=7, instance=str(self._config.INSTANCE_PATH),
        )  # fmt: skip
        self._engine.dispose()
        operations.carry_out(operation, lambda progress, message: None)
        shutil.rmtree(folder)


@pytest.fixture
def record(engine, config, tmp_path):
    return Record(engine, config, tmp_path)


SQLITE_ONLY = pytest.mark.sqlite("only there is the record replaced by HexTrackr itself")


@pytest.mark.parametrize(
    ("operation", "raises"),
    [
        ("follow", True),
        ("repeat", True),
        ("import_late", True),
        ("undo", True),
        ("rename", True),
        ("retire", True),
        ("merge", True),
        pytest.param("clear", True, marks=SQLITE_ONLY),
        pytest.param("restore", True, marks=SQLITE_ONLY),
        ("ask_first", False),
        ("clean_up", False),
    ],
)
def test_what_changes_the_record_raises_its_version(record, query, operation, raises):
    ((version, stamp),) = query("SELECT version, stamp FROM record_version")
    getattr(record, operation)()
    ((later, other_stamp),) = query("SELECT version, stamp FROM record_version")
    assert (later > version, other_stamp != stamp) == (raises, raises)


def test_what_the_changes_name_can_be_undone():
    """So that what it changed is still known."""
    assert record_version.CHANGES_KEPT <= undo.DEPTH + 1


def test_the_latest_changes_name_their_imports(record, query):
    record.follow()
    record.undo()
    changes = query("SELECT version, import_id FROM record_changes ORDER BY version")
    assert changes == [(1, None), (2, 1), (3, 2), (4, 2)]


def test_a_version_comes_with_its_change_or_not_at_all(record, query, monkeypatch, engine):
    """The version is raised in the transaction of the change: what is rolled back leaves it alone."""
    before = query("SELECT version, stamp FROM record_version")

    def fail(*_arguments):
        raise RuntimeError

    monkeypatch.setattr("hextrackr.domain.undo.func.max", fail)
    with pytest.raises(RuntimeError):
        record.undo()
    assert query("SELECT version, stamp FROM record_version") == before
