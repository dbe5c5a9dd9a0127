"""An importer process that one app after another uses, as starting one takes longer than most tests."""

from __future__ import annotations

import subprocess
from contextlib import suppress

import pytest
from flask import Flask

from hextrackr.jobs.importer_process import Channel, ImporterProcess
from hextrackr.jobs.worker import Worker
from tests.support.waiting import until


class WarmImporter:
    """The process, while no app has it."""

    def __init__(self) -> None:
        self._idle: tuple[subprocess.Popen[bytes], Channel] | None = None

    def hand_to(self, app: Flask) -> None:
        """Give it to an app, if there is one; it then sweeps the app's record, as a new one would."""
        importer = _importer(app)
        if (idle := self._alive()) is not None:
            importer._running = idle
            importer.send(importer._sweep)

    def take_from(self, app: Flask) -> None:
        """Take it back from an app, unless it is busy, or gone."""
        worker: Worker = app.extensions["import_worker"]
        importer = _importer(app)
        with suppress(AssertionError):  # a test may end before its long import does
            until(lambda: not worker.is_at_work, seconds=0.5)
        if self._idle is None and not worker.is_at_work:
            self._idle, importer._running = importer._running, None

    def lend_to(self, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let the commands of an app use it, each of which would start one and end it."""
        worker: Worker = app.extensions["import_worker"]
        importer = _importer(app)
        start, discard = importer._start, importer.discard

        def lent() -> tuple[subprocess.Popen[bytes], Channel]:
            return self._alive() or start()

        def returned() -> bool:
            if worker.is_at_work or self._idle is not None:
                return discard()
            self._idle, importer._running = importer._running, None
            return False

        monkeypatch.setattr(importer, "_start", lent)
        monkeypatch.setattr(importer, "discard", returned)

    def _alive(self) -> tuple[subprocess.Popen[bytes], Channel] | None:
        """The idle process, which is no longer kept here; None if there is none, or if it has ended since."""
        idle, self._idle = self._idle, None
        if idle is not None and idle[0].poll() is not None:
            idle[1].close()
            return None
        return idle

    def close(self) -> None:
        """End it."""
        if self._idle is not None:
            process, channel = self._idle
            channel.close()
            process.wait()


def _importer(app: Flask) -> ImporterProcess:
    worker: Worker = app.extensions["import_worker"]
    return worker._importer
