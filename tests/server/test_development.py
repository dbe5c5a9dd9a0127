"""The development server, ``flask run``: imports run there as they do under gunicorn; no other command starts anything."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress

import psutil
import pytest
from flask.cli import FlaskGroup

from hextrackr import create_app
from hextrackr.serving import development
from tests.support import ports
from tests.support.client import get, listening, upload
from tests.support.exports import scan
from tests.support.server import ROOT, Server, environment_of
from tests.support.waiting import until

#: Seconds for whatever is waited for: other tests run beside this one.
PATIENCE = 300


@contextmanager
def served(config, *options):
    """The app of the repository under ``flask run``, on a migrated database."""
    port = ports.free()
    command = [sys.executable, "-m", "flask", "run", "--port", str(port), *options]
    environment = environment_of(config.INSTANCE_PATH) | {"DATABASE_URL": config.database_url}
    # What a shell starts in the background ignores Ctrl-C, and so would what is started here.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
    signal.signal(signal.SIGINT, before)
    server = Server(f"127.0.0.1:{port}", process.pid, config.INSTANCE_PATH)
    try:
        until(lambda: answers(server, process), PATIENCE)
        yield server, process
    finally:
        for each in [*descendants(process), process]:
            with suppress(psutil.NoSuchProcess):  # it ends with its parent
                each.kill()
        process.wait(timeout=PATIENCE)


def answers(server, process):
    assert process.poll() is None
    try:
        return get(server, "/ready")[0] == 200
    except OSError:
        return False


def descendants(process):
    return psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []


def importers(processes):
    return [process for process in processes if "hextrackr.jobs.importer" in process.cmdline()]


def test_an_import_is_carried_out(config):
    with served(config) as (server, process):
        with listening(server) as listener:
            status, answer = upload(server, scan([1, 2, 3]), "import-staging", sessionId=listener.session_id)
            assert status == 202
            name, _ = listener.until_the_end()[-1]
        assert name == "progress-complete"
        record = get(server, f"/api/imports/{answer['importId']}")[1]
        assert (record["state"], record["inserted"]) == ("completed", 3)
        children = importers(descendants(process))
        assert len(children) == 1
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=PATIENCE) == 0
        assert psutil.wait_procs(children, timeout=PATIENCE)[1] == []


@pytest.mark.system
def test_with_the_reloader_only_the_child_imports(config):
    with served(config, "--reload") as (server, process):
        status, answer = upload(server, scan([1, 2, 3]), "import")
        assert (status, answer["inserted"]) == (200, 3)
        (child,) = psutil.Process(process.pid).children()
        (importer,) = importers(descendants(process))
        assert importer.ppid() == child.pid


def test_a_database_without_its_tables_ends_the_start_with_one_sentence(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "flask", "run", "--port", str(ports.free())], cwd=ROOT, capture_output=True, text=True,
        timeout=PATIENCE, env={**os.environ, "INSTANCE_PATH": str(tmp_path), "DATABASE_URL": ""},
    )  # fmt: skip
    assert done.returncode == 1
    assert "run `flask db upgrade` first" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "is_child", "starts"),
    [
        (["run"], False, True),
        (["run", "--no-reload", "--debug"], False, True),
        (["run", "--reload"], False, False),
        (["run", "--debug"], False, False),
        (["run", "--reload"], True, True),
        (["run", "--debug"], True, True),
        (["routes"], False, False),
        (["cancel-import", "1"], False, False),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_only_the_process_that_serves_starts_anything(config, monkeypatch, arguments, is_child, starts):
    for name in ("FLASK_DEBUG", "FLASK_RUN_FROM_CLI"):  # the command sets them
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("WERKZEUG_RUN_MAIN", "true" if is_child else "")
    monkeypatch.setattr("flask.cli.run_simple", lambda *_, **__: None)
    started = []
    monkeypatch.setattr(development, "start", started.append)
    made = []

    def create():
        made.append(create_app(config))
        return made[0]

    group = FlaskGroup(create_app=create, set_debug_flag=False, load_dotenv=False)
    with pytest.raises(SystemExit):
        group.main(arguments, prog_name="flask")
    assert started == (made if starts else [])
    assert len(made) == 1
