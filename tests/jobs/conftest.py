"""Queues imports for the worker, and waits for what becomes of them."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

import pytest
from flask import Flask

from hextrackr.domain.models import Import
from hextrackr.extensions import import_queue, import_service


@pytest.fixture
def queue(app: Flask) -> Callable[..., Import]:
    """Store a file and queue its import."""

    def add(content: bytes, submit: bool = True, **columns: object) -> Import:
        name = f"{uuid.uuid4()}.csv"
        (app.config["INSTANCE_PATH"] / "uploads" / name).write_bytes(content)
        values = {"session_id": str(uuid.uuid4()), "filename": "scan.csv", "source_label": "", **columns}
        with app.app_context():
            import_id = import_queue.add(file_size=len(content), upload=name, **values)
            record = import_queue.get(import_id)
            if submit:
                import_service.submit(record)
        return record

    return add


@pytest.fixture
def wait_for(app: Flask) -> Callable[..., Import]:
    """Wait until an import is in one of these states."""

    def wait(record: Import, *states: str, seconds: float = 300) -> Import:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with app.app_context():
                now = import_queue.get(record.id)
            if now.state in states:
                return now
            time.sleep(0.005)
        raise AssertionError(f"import {record.id} is {now.state}, not {' or '.join(states)}")

    return wait
