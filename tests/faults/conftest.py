"""An app at work, and small disks to fill up."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from config import TestingConfig
from hextrackr import create_app
from hextrackr.jobs import maintenance_lock, wiring
from tests.support.exports import scan
from tests.support.running_app import PATIENCE, RunningApp
from tests.support.warm_importer import WarmImporter


@pytest.fixture
def start_app(
    config: TestingConfig, engine: Engine, monkeypatch: pytest.MonkeyPatch, warm_importer: WarmImporter
) -> Iterator[Callable[..., RunningApp]]:
    """Start the app with these settings, and let it import one file."""
    for patience in ("LOOK_PATIENCE", "WRITERS_PATIENCE"):
        monkeypatch.setattr(maintenance_lock, patience, PATIENCE)
    apps = []

    def start(**settings: Any) -> RunningApp:
        app = create_app(replace(config, **settings))
        apps.append(app)
        warm_importer.hand_to(app)
        wiring.start(app)
        running = RunningApp(app, engine)
        assert running.ended(running.upload(scan([1, 2])))["state"] == "completed"
        running.rested()
        return running

    yield start
    for app in apps:
        warm_importer.take_from(app)
        app.extensions["import_worker"].stop()
        with app.app_context():
            for engine_ in app.extensions["sqlalchemy"].engines.values():
                engine_.dispose()


@pytest.fixture
def small_disk() -> Iterator[Callable[[Path, str], None]]:
    """Mount a file system of this size at a folder, over a copy of what is in it."""
    mounted: list[Path] = []

    def mount(folder: Path, size: str) -> None:
        folder.mkdir(exist_ok=True)
        content = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
        if subprocess.run(command, capture_output=True).returncode:
            pytest.skip("a small file system can be mounted by root only")
        mounted.append(folder)
        for name, data in content.items():
            (folder / name).write_bytes(data)

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
