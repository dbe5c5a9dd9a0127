"""The package, built and installed as somebody else does: in an environment of its own, used from an empty folder."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import zipfile
from dataclasses import fields
from pathlib import Path
from urllib.request import urlopen

import pytest

from hextrackr import __version__
from hextrackr.config import Config
from tests.support import ports
from tests.support.client import get, upload
from tests.support.server import ROOT, Server
from tests.support.waiting import until

pytestmark = [pytest.mark.system, pytest.mark.sqlite("an installed package begins with SQLite")]

#: Seconds for whatever is waited for: other tests run beside this one.
PATIENCE = 300
EXPORT = ROOT / "tests" / "data" / "tenable-vm" / "columns-in-another-order.csv"
SETTINGS = {setting.name for setting in fields(Config)}
#: Neither settings nor the repository are in it.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in SETTINGS | {"PYTHONPATH"}}


def build(source: Path, target: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index"]
    return subprocess.run([*command, "-w", str(target), str(source)], capture_output=True, text=True, timeout=PATIENCE)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    done = build(ROOT, folder)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = folder.iterdir()
    return wheel


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory):
    """The folder of the programs of a new environment, which sees the dependencies where the tests have them."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    programs = folder / "bin"
    install = [sys.executable, "-m", "pip", "--python", str(programs / "python"), "install", "--no-deps", "--no-index"]
    subprocess.run([*install, str(wheel)], check=True, capture_output=True, timeout=PATIENCE)
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text("\n".join({sysconfig.get_path(kind) for kind in ("purelib", "platlib")}))
    return programs


@pytest.fixture
def run(environment, tmp_path):
    """Run a program of the environment in an empty folder."""

    def run(*command: str) -> str:
        done = subprocess.run(
            [str(environment / command[0]), *command[1:]],
            cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, timeout=PATIENCE,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="module")
def server(environment, tmp_path_factory):
    """What ``hextrackr serve`` serves in an empty folder."""
    folder, port = tmp_path_factory.mktemp("folder"), ports.free()
    process = subprocess.Popen(
        [str(environment / "hextrackr"), "serve"], cwd=folder, env={**ENVIRONMENT, "PORT": str(port)}
    )
    server = Server(f"127.0.0.1:{port}", process.pid, folder / "instance")

    def answers():
        assert process.poll() is None
        try:
            return get(server, "/ready")[0] == 200
        except OSError:
            return False

    try:
        until(answers, PATIENCE)
        yield server
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=PATIENCE) == 0
    finally:
        process.kill()


def test_the_wheel_has_all_that_the_repository_has_and_no_top_level_of_its_own(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {name.partition("/")[0] for name in names} == {"hextrackr", f"hextrackr-{__version__}.dist-info"}
    for folder, place in (("hextrackr", ""), ("templates", "hextrackr/"), ("static", "hextrackr/")):
        files = [path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        assert files
        assert {place + path.relative_to(ROOT).as_posix() for path in files} - names == set()
    assert "hextrackr/static/vendor/socket.io-client/socket.io.esm.min.js" in names


def test_the_metadata(wheel):
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read(f"hextrackr-{__version__}.dist-info/METADATA").decode()
    head, _, body = text.partition("\n\n")
    assert {f"Version: {__version__}", "License-Expression: MIT", "Author: The HexTrackr authors"} <= set(
        head.split("\n")
    )
    pinned = re.findall(r"^([\w.-]+)==", (ROOT / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(re.findall(r"^Requires-Dist: ([\w.-]+)==", head, re.MULTILINE)) == sorted(pinned)
    assert body.startswith("# HexTrackr")


def test_without_the_browser_libraries_there_is_no_wheel(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "requirements.txt"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "tools", source / "tools")
    for name in ("hextrackr", "templates", "static"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("vendor", "__pycache__"))
    done = build(source, tmp_path / "wheel")
    assert done.returncode != 0
    assert "The browser libraries are not in static/vendor yet: run `make assets` first." in done.stdout + done.stderr
    assert not list(tmp_path.glob("wheel/*"))


def test_a_page_has_all_its_files(server):
    page = urlopen(server.url, timeout=PATIENCE).read().decode()
    files = set(re.findall(r'"(/static/[^"]+)"', page))
    assert {"vendor/tabler/tabler.min.css", "vendor/uplot/uPlot.esm.min.js", "scripts/app.js"} <= {
        name.split("/", 3)[3] for name in files
    }
    for file in [*files, "/scripts/shared/websocket-client.js", "/vendor/socket.io-client/socket.io.esm.min.js"]:
        assert urlopen(server.url + file, timeout=PATIENCE).read(), file
    assert '<svg class="icon' in page
    assert get(server, "/health")[1]["version"] == __version__


def test_a_file_is_imported_by_the_server(server):
    status, answer = upload(server, EXPORT.read_bytes(), "import-staging")
    assert status == 202

    def ended():
        record = get(server, f"/api/imports/{answer['importId']}")[1]
        return record if record["state"] in ("completed", "failed") else None

    record = until(ended, PATIENCE)
    assert record["state"] == "completed"
    assert record["inserted"] > 0
    assert (server.instance / "hextrackr.sqlite3").is_file()


def test_the_commands_work_on_the_data_of_the_folder_they_are_given_in(run, tmp_path):
    run("hextrackr", "db", "upgrade")
    assert "Import complete: 4 new" in run("hextrackr", "import-csv", str(EXPORT))
    run("hextrackr", "clear", "--yes")
    (backup,) = (tmp_path / "instance" / "backups").iterdir()
    run("hextrackr", "restore", "--yes", str(backup))
    assert [path.name for path in tmp_path.iterdir()] == ["instance"]
    assert run("hextrackr", "--version").split()[-1] == __version__


def test_an_import_before_the_first_migration_names_the_command_to_run(environment, tmp_path):
    done = subprocess.run(
        [str(environment / "hextrackr"), "import-csv", str(EXPORT)],
        cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, timeout=PATIENCE,
    )  # fmt: skip
    assert done.returncode == 1
    assert "run `hextrackr db upgrade` first (`hextrackr serve` does)" in done.stderr


def test_the_settings_of_the_folder_are_read_and_the_app_is_made_of_them(run, environment, tmp_path):
    (tmp_path / ".env").write_text("PORT=9123\n")
    made = "import hextrackr; app = hextrackr.create_app(); print(hextrackr.__file__, app.config['PORT'], sep='|')"
    module, port = run("python", "-c", made).strip().split("|")
    assert Path(module).is_relative_to(environment.parent)
    assert port == "9123"
    assert (tmp_path / "instance").is_dir()
