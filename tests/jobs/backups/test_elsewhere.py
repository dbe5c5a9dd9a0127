"""On PostgreSQL the page, the API and the commands say alike which programs make backups."""

from __future__ import annotations

import io

import pytest

from config import TestingConfig
from hextrackr.errors import BackupElsewhere

pytestmark = pytest.mark.system


@pytest.fixture
def config(postgresql_database, tmp_path) -> TestingConfig:
    return TestingConfig(INSTANCE_PATH=tmp_path / "instance", DATABASE_URL=postgresql_database)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/backups", {}),
        ("/api/clear", {"confirm": "DELETE"}),
        ("/api/backups/backup-20260801-120000.sqlite3/restore", {"confirm": "RESTORE"}),
    ],
)
def test_the_api(client, path, body):
    answer = client.post(path, json=body)
    assert (answer.status_code, answer.json["error"]["code"]) == (501, "NOT_ON_POSTGRESQL")
    assert "pg_dump" in answer.json["error"]["detail"]
    assert client.get("/api/backups").json == {"data": [], "operations": []}


def test_an_upload_leaves_nothing(client, config):
    brought = {"backupFile": (io.BytesIO(b"SQLite format 3\0" + bytes(5000)), "copy.sqlite3")}
    assert client.post("/api/backups/upload", data=brought).json["error"]["code"] == "NOT_ON_POSTGRESQL"
    assert list((config.INSTANCE_PATH / "uploads").iterdir()) == []


def test_after_a_refusal_imports_are_taken(client, app):
    client.post("/api/clear", json={"confirm": "DELETE"})
    app.extensions["import_worker"].refuse_if_stopping()


def test_the_page(client):
    page = client.get("/data").text
    assert BackupElsewhere.detail in page
    assert "data-back-up" not in page


@pytest.mark.parametrize("command", [["backup"], ["clear", "--yes"], ["restore", "--yes", __file__]])
def test_the_commands(app, command):
    with app.app_context():
        done = app.test_cli_runner().invoke(args=command)
    assert done.exit_code == 1
    assert done.output == f"Error: NOT_ON_POSTGRESQL: {BackupElsewhere.detail}\n"
