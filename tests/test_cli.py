"""The commands of ``flask``: what they do, print and end with; a few of them in a process of their own, as a user runs them."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from flask.cli import FlaskGroup

from hextrackr.jobs.maintenance_lock import MaintenanceLock
from tests.support.exports import export as exported
from tests.support.exports import row, scan

of_backups = pytest.mark.sqlite("PostgreSQL is backed up by its own programs")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def program(config):
    """Run a command in a process of its own."""

    def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "flask", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=300,
            env={**os.environ, "INSTANCE_PATH": str(config.INSTANCE_PATH), "DATABASE_URL": config.database_url, **environ},
        )  # fmt: skip

    return run


@pytest.fixture
def flask(app, warm_importer, monkeypatch):
    """Run a command in this process, with an importer that is there already, which takes a tenth of the time."""
    warm_importer.lend_to(app, monkeypatch)

    commands = FlaskGroup(create_app=lambda: app, set_debug_flag=False, load_dotenv=False)

    def run(*arguments: str) -> SimpleNamespace:
        done = CliRunner().invoke(commands, arguments, catch_exceptions=False)
        return SimpleNamespace(returncode=done.exit_code, stdout=done.stdout, stderr=done.stderr)

    return run


@pytest.fixture
def export(tmp_path):
    def write(numbers, name="a scan.csv"):
        path = tmp_path / name
        path.write_bytes(scan(numbers))
        return str(path)

    return write


def test_import_csv_imports_and_says_what_it_did(program, export, query):
    done = program("import-csv", export([1, 2, 3]), "--source", "Berlin", "--scan-date", "2026-08-20")
    assert (done.returncode, done.stderr) == (0, "")
    assert "3 new" in done.stdout
    assert query("SELECT label FROM sources") == [("Berlin",)]
    assert query("SELECT filename, inserted, scan_date FROM imports") == [("a scan.csv", 3, "2026-08-20")]


@pytest.mark.parametrize("command", ["import-csv", "restore"])
def test_a_database_that_is_not_set_up_is_told_in_a_sentence(program, export, tmp_path, command):
    agreed = ["--yes"] if command == "restore" else []
    refused = program(command, *agreed, export([1]), INSTANCE_PATH=str(tmp_path / "new"), DATABASE_URL="")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith(
        "Error: The database schema is not that of this version: run `flask db upgrade` first"
    )
    assert refused.stderr.count("\n") == 1
    assert not any((tmp_path / "new" / "uploads").iterdir())


def test_a_refused_file_is_an_error_with_its_code(program, tmp_path):
    picture = tmp_path / "x.csv"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    done = program("import-csv", str(picture))
    assert done.returncode == 1
    assert "Error: UNREADABLE_CSV: This is a PNG image" in done.stderr


def test_resolving_most_of_a_source_needs_confirm(flask, export, query):
    assert flask("import-csv", export(range(30))).returncode == 0
    asked = flask("import-csv", export([1]))
    assert (asked.returncode, asked.stdout) == (4, "")
    assert "would resolve 29 of the 30 open findings" in asked.stderr
    assert "29 of the 30 open findings of this source are not in the file." in asked.stderr
    assert query("SELECT count(*) FROM findings WHERE lifecycle = 'active'") == [(30,)]
    assert flask("import-csv", export([1]), "--confirm").returncode == 0
    assert query("SELECT count(*) FROM findings WHERE lifecycle = 'active'") == [(1,)]


def test_the_same_file_again_is_known(flask, export, query):
    for _ in range(2):
        assert flask("import-csv", export([1, 2])).returncode == 0
    assert query("SELECT inserted, unchanged, digest = fingerprint FROM imports ORDER BY id") == [(2, 0, 0), (0, 2, 0)]
    assert query("SELECT count(DISTINCT fingerprint) FROM imports") == [(1,)]


def test_the_database_is_migrated_and_the_models_agree(program):
    assert program("db", "upgrade").returncode == 0
    assert program("db", "check").returncode == 0


def test_rejected_rows_are_told_and_end_with_a_status_of_their_own(flask, tmp_path):
    rows = [row(host=f"host-{number}", severity="Superbad" if number > 1 else "Low") for number in range(9)]
    path = tmp_path / "partly.csv"
    path.write_bytes(exported(rows))
    done = flask("import-csv", str(path))
    assert (done.returncode, done.stderr) == (3, "")
    first, *listed, last = done.stdout.splitlines()
    assert first.startswith("Import completed with 7 rejected rows: 2 new, 0 updated")
    assert len(listed) == 5
    assert listed[0].startswith("  line 4, severity: ")
    assert last == "  and 2 more rejected rows: download them as CSV from the page of import 1"


def test_the_question_names_the_commands_that_answer_it(flask, export, query):
    flask("import-csv", export(range(30)))
    asked = flask("import-csv", export([1])).stderr
    assert re.findall("^  (flask .*)$", asked, re.MULTILINE) == [
        "flask confirm-import 2",
        "flask confirm-import 2 --leave-open",
        "flask confirm-import 2 --source LABEL",
        "flask cancel-import 2",
    ]
    kept = flask("confirm-import", "2", "--leave-open")
    assert (kept.returncode, kept.stderr) == (0, "")
    assert "0 resolved, 1 unchanged" in kept.stdout
    assert query("SELECT mode, inserted, resolved, unchanged FROM imports WHERE id = 2") == [("delta", 0, 0, 1)]

    assert flask("import-csv", export([2])).returncode == 4
    agreed = flask("confirm-import", "3")
    assert (agreed.returncode, "29 resolved" in agreed.stdout) == (0, True)


def test_another_source_is_asked_about_again_if_it_has_to_be(flask, export, query):
    flask("import-csv", export(range(30)))
    flask("import-csv", export(range(30)), "--source", "Berlin")
    assert flask("import-csv", export([1])).returncode == 4
    fresh = flask("confirm-import", "3", "--source", "Rome")
    assert (fresh.returncode, "1 new" in fresh.stdout) == (0, True)
    assert flask("import-csv", export([1])).returncode == 4
    again = flask("confirm-import", "4", "--source", "Berlin")
    assert (again.returncode, "would resolve 29 of the 30" in again.stderr) == (4, True)
    assert flask("confirm-import", "4").returncode == 0
    of_sources = "SELECT s.label, count(*) FROM findings f JOIN sources s ON s.id = f.source_id"
    assert query(f"{of_sources} WHERE lifecycle = 'active' GROUP BY 1 ORDER BY 1") == [
        ("", 30),
        ("Berlin", 1),
        ("Rome", 1),
    ]


def test_what_is_no_answer_is_an_error(flask, export, query):
    flask("import-csv", export(range(30)), "--source", "Berlin")
    flask("import-csv", export([1]), "--source", "Berlin")
    for why, options in {
        "either source or mode": ["--source", "Rome", "--leave-open"],
        "1 to 100 characters": ["--source", ""],
        "already the source of the import": ["--source", "Berlin"],
    }.items():
        refused = flask("confirm-import", "2", *options)
        assert (refused.returncode, why in refused.stderr) == (1, True)
    assert query("SELECT state, source_label FROM imports WHERE id = 2") == [("awaiting-confirmation", "Berlin")]
    assert "does not wait for" in flask("confirm-import", "1").stderr
    assert "no import" in flask("confirm-import", "7").stderr


def test_cancel_import_of_what_waits_or_has_ended(flask, export, query):
    assert "no import" in flask("cancel-import", "1").stderr
    flask("import-csv", export(range(30)))
    assert "already ended: it is completed" in flask("cancel-import", "1").stderr
    flask("import-csv", export([1]))
    assert "cancelled" in flask("cancel-import", "2").stdout
    assert query("SELECT state FROM imports ORDER BY id") == [("completed",), ("cancelled",)]


@of_backups
def test_backup_clear_and_restore(flask, export, query, tmp_path):
    flask("import-csv", export([1, 2, 3]))
    copy = tmp_path / "a copy.sqlite3"
    made = flask("backup", str(copy))
    assert (made.returncode, made.stderr) == (0, "")
    assert str(copy) in made.stdout
    assert flask("backup", str(copy)).returncode == 1  # nothing is written over

    assert flask("clear").returncode == 1  # nobody agreed
    assert query("SELECT count(*) FROM findings") == [(3,)]
    cleared = flask("clear", "--yes")
    assert (cleared.returncode, "before-clear-" in cleared.stdout) == (0, True)
    assert query("SELECT count(*) FROM findings") == [(0,)]

    restored = flask("restore", "--yes", str(copy))
    assert (restored.returncode, "before-restore-" in restored.stdout) == (0, True)
    assert query("SELECT count(*) FROM findings") == [(3,)]


@of_backups
def test_what_is_no_backup_is_not_restored(flask, export, query):
    flask("import-csv", export([1]))
    refused = flask("restore", "--yes", export([1, 2]))
    assert refused.returncode == 1
    assert "NOT_A_BACKUP" in refused.stderr
    assert query("SELECT count(*) FROM findings") == [(1,)]


@of_backups
def test_nothing_is_replaced_beside_an_unfinished_import(flask, export, query):
    flask("import-csv", export(range(30)))
    assert flask("import-csv", export([1])).returncode == 4  # it asks
    refused = flask("clear", "--yes")
    assert refused.returncode == 1
    assert "are not finished" in refused.stderr


@of_backups
@pytest.mark.parametrize(
    ("revision", "said", "command"),
    [
        ("9999999999", "from a newer version of HexTrackr", ["backup"]),
        ("9999999999", "from a newer version of HexTrackr", ["db", "upgrade"]),
        ("1795620000", "too old to upgrade", ["db", "upgrade"]),
    ],
)
def test_a_database_of_another_version_is_told_in_a_sentence(program, config, revision, said, command):
    """As commands, migrations and the server begin."""
    with closing(sqlite3.connect(config.INSTANCE_PATH / "hextrackr.sqlite3")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
        connection.commit()
    refused = program(*command)
    assert refused.returncode == 1
    lines = [line for line in refused.stderr.splitlines() if not line.startswith("INFO")]
    assert len(lines) == 1 and said in lines[0], refused.stderr


@of_backups
def test_nothing_is_written_while_the_record_is_replaced(flask, export, config, query):
    with MaintenanceLock(config.INSTANCE_PATH).maintaining(lambda: None):
        for command in (
            ["import-csv", export([1])], ["confirm-import", "1"], ["cancel-import", "1"], ["db", "upgrade"], ["clear", "--yes"],
        ):  # fmt: skip
            refused = flask(*command)
            assert (refused.returncode, "MAINTENANCE: The data is being" in refused.stderr) == (
                1,
                True,
            ), command
    assert query("SELECT count(*) FROM imports") == [(0,)]
    assert not any((config.INSTANCE_PATH / "uploads").iterdir())
    assert flask("import-csv", export([1])).returncode == 0


@of_backups
def test_nothing_is_replaced_while_a_command_writes(flask, config, query):
    with MaintenanceLock(config.INSTANCE_PATH).writing():
        refused = flask("clear", "--yes")
    assert (refused.returncode, "RECORD_IN_USE" in refused.stderr) == (1, True)
    assert not list((config.INSTANCE_PATH / "backups").glob("*"))


@of_backups
def test_a_data_folder_of_any_name_works_and_is_for_nobody_else_to_read(tmp_path, export):
    instance = tmp_path / "50%25 a?b=c#d 100%"
    environ = {**os.environ, "INSTANCE_PATH": str(instance), "DATABASE_URL": ""}

    def run(*command):
        done = subprocess.run(
            [sys.executable, "-m", "flask", *command], cwd=ROOT, env=environ, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr

    run("db", "upgrade")
    run("import-csv", export([1, 2, 3]))
    run("clear", "--yes")
    [kept] = (instance / "backups").glob("*.sqlite3")
    run("restore", "--yes", str(kept))
    with closing(sqlite3.connect(instance / "hextrackr.sqlite3")) as connection:
        assert connection.execute("SELECT count(*) FROM findings").fetchone() == (3,)
    assert [path for path in tmp_path.iterdir() if path.is_dir()] == [instance]
    paths = [instance, *instance.rglob("*")]
    assert {path.name for path in paths} >= {"hextrackr.sqlite3", "uploads", "backups"}
    assert [path for path in paths if path.stat().st_mode & 0o077] == []


@of_backups
def test_what_others_could_read_they_can_no_more(tmp_path, program, config):
    database = config.INSTANCE_PATH / "hextrackr.sqlite3"
    for path, mode in ((database, 0o644), (config.INSTANCE_PATH / "uploads", 0o755)):
        path.chmod(mode)
    program("backup")
    assert database.stat().st_mode & 0o777 == 0o600
    assert (config.INSTANCE_PATH / "uploads").stat().st_mode & 0o777 == 0o700
