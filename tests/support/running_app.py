"""The app running in this process, used through its API."""

from __future__ import annotations

import os
import re
import signal
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine

from tests.support import client
from tests.support.exports import scan
from tests.support.staging import dump

#: What no error message may contain.
UNTOLD = re.compile(r"/|\\|SELECT|INSERT|sqlite|postgres|psycopg|127\.0|duckdb|Traceback|errno|\n", re.IGNORECASE)

#: Seconds after which something has taken too long, on a busy machine.
PATIENCE = 300.0


class RunningApp:
    """Imports files and waits for their results."""

    def __init__(self, app: Flask, engine: Engine) -> None:
        self.instance = Path(app.config["INSTANCE_PATH"])
        self.backup_service = app.extensions["backup_service"]
        self.import_queue = app.extensions["import_queue"]
        self.service = app.extensions["import_service"]
        self.worker = app.extensions["import_worker"]
        self.supervisor = self.worker  # as tests/faults/test_maintenance.py calls it
        self._client: FlaskClient = app.test_client()
        self._engine = engine

    def post(self, content: bytes, **fields: str) -> Any:
        """Upload a file."""
        body, kind = client.form(content, **fields)
        return self._client.post("/api/vulnerabilities/import-staging", data=body, content_type=kind)

    def upload(self, content: bytes, **fields: str) -> int:
        """Upload a file, which must be accepted; return the number of its import."""
        answer = self.post(content, **fields)
        assert answer.status_code == 202, answer.json
        import_id: int = answer.json["importId"]
        return import_id

    def record(self, import_id: int) -> dict[str, Any]:
        """The import as the API returns it."""
        answer: dict[str, Any] = self.get(f"/api/imports/{import_id}").json
        return answer

    def reached(self, import_id: int, *states: str, seconds: float = PATIENCE) -> dict[str, Any]:
        """Wait until an import is in one of these states."""
        deadline = time.monotonic() + seconds
        while (record := self.record(import_id))["state"] not in states:
            assert time.monotonic() < deadline, record
            time.sleep(0.005)
        return record

    def ended(self, import_id: int) -> dict[str, Any]:
        """Wait for the end."""
        return self.reached(import_id, "completed", "failed", "cancelled")

    def told_the_end(self, session_id: str) -> dict[str, Any]:
        """Wait for the snapshot with which a session ends."""
        deadline = time.monotonic() + PATIENCE
        snapshot: dict[str, Any]
        while (snapshot := self.get(f"/api/progress/{session_id}").json)["status"] not in ("completed", "error"):
            assert time.monotonic() < deadline, snapshot
            time.sleep(0.02)
        return snapshot

    def get(self, path: str) -> Any:
        """Send a GET request."""
        return self._client.get(path)

    def ask(self, path: str, body: dict[str, Any]) -> Any:
        """Send a POST request."""
        return self._client.post(path, json=body)

    def confirm(self, import_id: int) -> Any:
        """Confirm an import."""
        return self._client.post(f"/api/imports/{import_id}/confirm")

    def cancel(self, import_id: int) -> Any:
        """Cancel an import."""
        return self._client.post(f"/api/imports/{import_id}/cancel")

    def rested(self) -> None:
        """Wait until the importer process has no work, clean-up included."""
        deadline = time.monotonic() + PATIENCE
        while self.worker._runner.current is not None:
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def end_the_importer(self) -> None:
        """Kill the importer process, and wait until it is gone."""
        if pid := self.worker.importer_pid:
            os.kill(pid, signal.SIGKILL)
            with suppress(ChildProcessError):  # the app has read its exit status first
                # Until its last thread has ended, messages to it may still arrive.
                os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)

    def limit_memory(self, limit: str) -> None:
        """Limit the memory of the next import."""
        runner = self.worker._runner
        runner._config = replace(runner._config, DUCKDB_MEMORY_LIMIT=limit)

    def limit_importer(self, size: int) -> None:
        """Limit the address space of the next importer process, in bytes."""
        self.rested()
        importer = self.worker._importer
        importer._memory_limit = size
        importer.discard()

    def findings(self) -> dict[str, list[tuple[Any, ...]]]:
        """Everything in the final tables."""
        return dump(self._engine)

    def assert_failed(self, import_id: int, code: str, before: dict[str, list[tuple[Any, ...]]]) -> None:
        """Check that an import ended with this code and a plain sentence, and changed nothing."""
        record = self.ended(import_id)
        assert (record["state"], (record["error"] or {}).get("code")) == ("failed", code)
        assert record["error"]["detail"].endswith(".")
        assert not UNTOLD.search(record["error"]["detail"])
        assert self.findings() == before
        assert record["retryable"]

    def assert_recovers(self, import_id: int) -> None:
        """Check that a retry succeeds, and so does the next import."""
        answer: Any = self._client.post(f"/api/imports/{import_id}/retry")
        assert answer.status_code == 202, answer.json
        assert self.ended(answer.json["importId"])["state"] == "completed"
        assert self.ended(self.upload(scan([1]), source="another"))["inserted"] == 1
