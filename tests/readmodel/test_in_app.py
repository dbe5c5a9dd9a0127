"""The reader of an app: started by whoever asks first, known to ``/ready`` and ``/metrics``."""

from __future__ import annotations

import os
import signal

import pytest

from hextrackr import create_app
from hextrackr.errors import NotFound


@pytest.fixture
def app(config):
    """An app with the reader that it has by itself."""
    app = create_app(config)
    yield app
    app.extensions["reader"].close()


def test_it_is_started_by_the_first_question(app, client):
    reader = app.extensions["reader"]
    assert reader.pid is None
    assert "hextrackr_reader_up 0.0" in client.get("/metrics").text
    with pytest.raises(NotFound):
        reader.ask("never_heard_of")
    metrics = client.get("/metrics").text
    assert "hextrackr_reader_up 1.0" in metrics
    assert "hextrackr_reader_starts 1.0" in metrics
    assert "hextrackr_reader_resident_bytes 0.0" not in metrics


def test_ready_asks_it(app, client):
    assert client.get("/ready").json["checks"]["lists"] == "ok"
    os.kill(app.extensions["reader"].pid, signal.SIGKILL)
    assert client.get("/ready").json["checks"]["lists"] == "ok"
    assert app.extensions["reader"].starts == 2


def test_ready_tells_where_it_cannot_be_started(app, client, monkeypatch):
    def fail(*_arguments, **_options):
        raise OSError

    monkeypatch.setattr("hextrackr.readmodel.client.subprocess.Popen", fail)
    answer = client.get("/ready")
    assert (answer.status_code, answer.json["checks"]["lists"]) == (
        503,
        "The process that answers this ended before it had; please try again.",
    )
