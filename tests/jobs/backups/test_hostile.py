"""Files that somebody has made up to be restored: each is refused in a sentence, or only known columns of known tables come over."""

from __future__ import annotations

import re
import shutil
import sqlite3
from contextlib import closing, suppress

import pytest

from hextrackr.errors import BackupRefused
from hextrackr.jobs.backups import copying
from tests.support.staging import dump

pytestmark = pytest.mark.sqlite("PostgreSQL is backed up by its own programs")

#: What no user is to read in a sentence about an error.
UNTOLD = re.compile(r"/|SELECT|INSERT|sqlite|Traceback|errno|\n", re.IGNORECASE)


def changed(path, script):
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("PRAGMA foreign_keys = OFF; PRAGMA writable_schema = ON;" + script)


@pytest.fixture
def bad(run, tmp_path):
    """Make a backup that a script has changed."""
    run("backup", "good.sqlite3")
    path = tmp_path / "bad.sqlite3"

    def change(script):
        shutil.copy(tmp_path / "good.sqlite3", path)
        changed(path, script)
        return path

    return change


IMPORT = "UPDATE imports SET "
REFUSED = {
    # the schema
    "a second revision": "CREATE TABLE v (version_num); INSERT INTO v SELECT version_num FROM alembic_version UNION ALL SELECT '1';"
    " DROP TABLE alembic_version; ALTER TABLE v RENAME TO alembic_version",
    "no revision": "DELETE FROM alembic_version",
    "a revision of bytes": "UPDATE alembic_version SET version_num = x'00ff'",
    "an unknown revision": "UPDATE alembic_version SET version_num = '9999999999'",
    "a revision before the first": "UPDATE alembic_version SET version_num = '1000000000'",
    "a view of revisions": "CREATE TABLE v AS SELECT * FROM alembic_version; DROP TABLE alembic_version;"
    " CREATE VIEW alembic_version AS SELECT * FROM v",
    "a view in place of a table": "CREATE TABLE s AS SELECT * FROM sources; DROP TABLE sources; CREATE VIEW sources AS SELECT * FROM s",
    "a virtual table": "DROP TABLE rejects; CREATE VIRTUAL TABLE rejects USING fts3(id, import_id, line, column, value, reason)",
    "a table that is missing": "DROP TABLE rejects",
    "a column that is missing": "ALTER TABLE sources DROP COLUMN last_scan_date",
    "a generated column": "CREATE TABLE s (id INTEGER PRIMARY KEY, scanner, label, last_scan_date AS ('2026-01-01'));"
    " INSERT INTO s SELECT id, scanner, label FROM sources; DROP TABLE sources; ALTER TABLE s RENAME TO sources",
    # JSON
    "broken JSON": IMPORT + "summary = '{'",
    "JSON of another kind": IMPORT + "summary = '[]'",
    "JSON that is null": IMPORT + "warnings = 'null'",
    "a list of something else": IMPORT + "warnings = '[{}]'",
    "deep JSON": IMPORT + "summary = '" + '{"a":' * 900 + "1" + "}" * 900 + "'",
    "very deep JSON": IMPORT + "summary = '" + '{"a":' + "[" * 100_000 + "]" * 100_000 + "}'",
    "half a character in JSON": IMPORT + r"""summary = '{"a": "\ud800"}'""",
    "a number without end in JSON": IMPORT + """summary = '{"a": 1e999}'""",
    "JSON as bytes": IMPORT + "summary = CAST('{}' AS BLOB)",
    "details that are broken": "UPDATE assets SET details = '{'",
    "details that are no object": "UPDATE definitions SET details = '[]'",
    "a detail that is no text": """UPDATE assets SET details = '{"Tags": {"a": "b"}}'""",
    "earlier details that are no object": "INSERT INTO undo_details VALUES (1, 1, 0, 'null')",
    # values
    "details of something else": "INSERT INTO undo_details VALUES (1, 1, 2, '{}')",
    "an identifier of a kind that there is not": "UPDATE asset_identifiers SET kind = 'serial' WHERE asset_id = 1",
    "an earlier identifier of such a kind": "INSERT INTO undo_identifiers VALUES (1, 1, 'serial', 'a', '', 0, 0)",
    "an identifier that is half inherited": "UPDATE asset_identifiers SET inherited = 2",
    "a scan date from nowhere": IMPORT + "scan_date_from = 'dream'",
    "an answer that is none": IMPORT + "answered = 'yes'",
    "evidence of bytes": "INSERT INTO evidence VALUES (1, 0, x'ff')",
    "evidence under the digest of another text": "INSERT INTO evidence VALUES (1, 42, 'x')",
    "text where a number stands": "UPDATE findings SET severity = 'critical'",
    "bytes where text stands": IMPORT + "filename = x'ff'",
    "text that is no UTF-8": IMPORT + "filename = CAST(x'ff41' AS TEXT)",
    "text that is no UTF-8 behind a zero": IMPORT + "filename = CAST(x'4100ff' AS TEXT)",
    "a severity that there is not": "UPDATE findings SET severity = 7",
    "a lifecycle that there is not": "UPDATE findings SET lifecycle = 'gone'",
    "a state that there is not": IMPORT + "state = 'done'",
    "a mode that there is not": IMPORT + "mode = 'all'",
    "a day that there is not": "UPDATE findings SET first_seen = '2026-02-31'",
    "a day that is none": "UPDATE sightings SET day = 'yesterday'",
    "a day as a number": "UPDATE sightings SET day = 20260801",
    "a day before the year 1": "UPDATE sightings SET day = '0000-01-01'",
    "a number of a row that is huge": "UPDATE rejects SET id = id; INSERT INTO rejects VALUES (4611686018427387904, 1, 1, 'a', 'b', 'c')",
    "a number below zero": "UPDATE sources SET id = -1; UPDATE assets SET source_id = -1; UPDATE definitions SET source_id = -1;"
    " UPDATE findings SET source_id = -1; UPDATE sightings SET source_id = -1; UPDATE imports SET source_id = -1",
    "a port that there is not": "UPDATE findings SET port = 65536",
    "a score without end": "UPDATE findings SET vpr = 9e999",
    "a time that is none": IMPORT + "created_at = 9223372036854775807",
    "a name that is too long": IMPORT + "filename = printf('%.*c', 300, 'x')",
    # references
    "findings of no host": "DELETE FROM assets",
    "findings of no definition": "DELETE FROM definitions",
    "evidence that is not there": "UPDATE findings SET evidence_id = 99",
    "earlier evidence that is not there": "INSERT INTO undo_evidence VALUES (1, 1, 99)",
    "identifiers of no host": "UPDATE asset_identifiers SET asset_id = 99",
    "imports of no source": IMPORT + "source_id = 99",
    "the same finding twice": "CREATE TABLE f AS SELECT * FROM findings; DROP TABLE findings; UPDATE f SET id = 1;"
    " CREATE TABLE findings (id, source_id, asset_id, definition_id, port, protocol, severity, vpr, cvss, first_seen, lifecycle,"
    " resolved_on, opened_by, sighting_id, evidence_id); INSERT INTO findings SELECT id, source_id, asset_id, definition_id, port,"
    " protocol, severity, vpr, cvss, first_seen, lifecycle, resolved_on, opened_by, sighting_id, evidence_id FROM f",
    "a finding without a severity": "CREATE TABLE f AS SELECT * FROM findings; DROP TABLE findings; UPDATE f SET severity = NULL;"
    " ALTER TABLE f RENAME TO findings",
}


def test_it_is_refused_in_a_sentence(run, bad, engine, tmp_path, subtests):
    before = dump(engine)
    for name, script in REFUSED.items():
        with subtests.test(name):
            path = bad(script)
            with pytest.raises(BackupRefused) as refused:
                run("restore", "kept.sqlite3", path)
            assert refused.value.detail.endswith(".") and not UNTOLD.search(refused.value.detail)
            assert dump(engine) == before
            assert not (tmp_path / "kept.sqlite3").exists() and not (tmp_path / ".work").exists()


LEFT_BEHIND = {
    "triggers": "CREATE TRIGGER t AFTER UPDATE ON imports BEGIN DELETE FROM findings; END;"
    " CREATE TRIGGER i AFTER INSERT ON sources BEGIN DELETE FROM findings; END",
    "views": "CREATE VIEW v AS SELECT load_extension('x')",
    "tables": "CREATE TABLE recipes (name); INSERT INTO recipes VALUES ('x')",
    "columns": "ALTER TABLE sources ADD COLUMN password TEXT DEFAULT 'x'",
    "indexes": "CREATE INDEX more ON findings (severity, port)",
    "virtual tables": "CREATE VIRTUAL TABLE words USING fts3(word)",
    "an index of an expression": "CREATE INDEX more ON findings (abs(port))",
    "statistics": "ANALYZE",
    "other settings": "PRAGMA user_version = 7; PRAGMA application_id = 9; PRAGMA auto_vacuum = FULL",
}


@pytest.mark.parametrize("name", LEFT_BEHIND)
def test_what_is_not_ours_stays_behind(run, bad, engine, database, name):
    before, schema = dump(engine), schema_of(database)
    path = bad(LEFT_BEHIND[name])
    run("clear", "cleared.sqlite3")
    run("restore", "kept.sqlite3", path)
    assert dump(engine) == before
    assert schema_of(database) == schema


def schema_of(path):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY 1, 2").fetchall()


@pytest.mark.parametrize("upload", ["/etc/passwd", "../secret_key", "a" * 32 + ".csv"])
def test_a_restored_import_names_no_file(run, bad, database, upload):
    path = bad(f"UPDATE imports SET state = 'failed', upload = '{upload}'")
    run("restore", "kept.sqlite3", path)
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("SELECT DISTINCT upload FROM imports").fetchall() == [("",)]


def test_damage_anywhere_is_refused_or_without_effect(run, engine, tmp_path):
    """Some bytes in some of its pages."""
    run("backup", "good.sqlite3")
    before, good = dump(engine), (tmp_path / "good.sqlite3").read_bytes()
    run("clear", "cleared.sqlite3")
    counts = {table: len(rows) for table, rows in before.items()}
    empty, refused = dump(engine), 0
    for number, place in enumerate(range(50, len(good), 8192 * 12 + 611)):
        content = bytearray(good)
        content[place : place + 40] = bytes(byte ^ 0x5A for byte in content[place : place + 40])
        (tmp_path / "bad.sqlite3").write_bytes(content)
        try:
            run("restore", f"kept-{number}.sqlite3", tmp_path / "bad.sqlite3")
        except BackupRefused:
            refused += 1
            assert dump(engine) == empty
        else:
            # What SQLite cannot tell from what was written: letters of a text.
            assert {table: len(rows) for table, rows in dump(engine).items()} == counts, place
            run("clear", f"cleared-{number}.sqlite3")
    assert refused


def test_half_a_file_is_refused(run, engine, tmp_path):
    run("backup", "good.sqlite3")
    good = (tmp_path / "good.sqlite3").read_bytes()
    before = dump(engine)
    for size in (16, 100, 5000, 8192, len(good) // 2, len(good) - 8192, len(good) - 1):
        (tmp_path / "bad.sqlite3").write_bytes(good[:size])
        with pytest.raises(BackupRefused):
            run("restore", "kept.sqlite3", tmp_path / "bad.sqlite3")
    assert dump(engine) == before


def test_a_file_that_is_gone_makes_none(database, tmp_path):
    with suppress(sqlite3.Error), closing(copying.connected(tmp_path / "gone.sqlite3", "rw")):
        raise AssertionError("it was opened")
    assert not (tmp_path / "gone.sqlite3").exists()
