"""A start that cannot succeed ends soon, with one plain sentence that names the setting or the cure."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from config import ASYNC_MODES
from tests.support import ROOT, databases, ports

FLASK = ("flask", "db", "upgrade")
SERVER = ("gunicorn", "-c", "gunicorn.conf.py")
WORKER = ("celery", "-A", "worker", "--quiet", "worker")


@pytest.fixture
def started(tmp_path):
    def run(command, **settings):
        return subprocess.run(
            [sys.executable, "-W", "ignore", "-m", *command], cwd=ROOT, capture_output=True, text=True, timeout=120,
            env={**os.environ, "INSTANCE_PATH": str(tmp_path), "PORT": str(ports.free()), "REDIS_URL": "redis://127.0.0.1:1/0", **settings},
        )  # fmt: skip

    return run


def test_a_wrong_setting(started):
    done = started(FLASK, PORT="http")
    assert done.returncode != 0
    assert done.stderr == "PORT='http' cannot be used: must be a whole number.\n"


@pytest.mark.parametrize("command", [SERVER, WORKER], ids=["server", "worker"])
def test_a_database_without_its_tables(started, command, tmp_path):
    done = started(command, DATABASE_URL=databases.Embedded().url(tmp_path))
    assert done.returncode != 0
    assert "run `flask db upgrade` first" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("command", "mode"),
    [
        (FLASK, ""),
        (("flask", "serve"), ""),
        (("flask", "import-csv", "README.md"), ""),
        (WORKER, ""),
        *((SERVER, mode) for mode in ASYNC_MODES),
    ],
    ids=["upgrade", "serve", "import", "worker", *ASYNC_MODES],
)
def test_a_database_that_is_away(started, command, mode):
    done = started(
        command, ASYNC_MODE=mode or "eventlet", DATABASE_URL="postgresql://u:sesame@127.0.0.1:1/none?password=pepper"
    )
    assert done.returncode != 0
    said = next(line for line in done.stderr.splitlines() if "DATABASE_URL=" in line)
    assert "postgresql+psycopg://u:***@127.0.0.1:1/none cannot be used: connection" in said and said.endswith(".")
    for untold in ("Traceback", "sesame", "pepper"):
        assert untold not in done.stdout + done.stderr
