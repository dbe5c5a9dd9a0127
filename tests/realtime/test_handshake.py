"""Who may connect a socket, and how messages are encoded."""

from __future__ import annotations

import pytest

from hextrackr.realtime import fastjson
from hextrackr.realtime.handshake import DeclineCompression, origin_check

ALLOWED = ["http://localhost:8080"]


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        ("http://localhost:8080", "127.0.0.1:8989", True),
        ("http://127.0.0.1:8989", "127.0.0.1:8989", True),
        ("http://scanner.corp:8989", "scanner.corp:8989", True),
        ("http://evil.example", "127.0.0.1:8989", False),
        ("http://127.0.0.1:8989.evil.example", "127.0.0.1:8989", False),
        ("https://127.0.0.1:8989", "127.0.0.1:8989", False),
        ("null", "127.0.0.1:8989", False),
    ],
)
def test_origins(origin, host, allowed):
    environ = {"wsgi.url_scheme": "http", "HTTP_HOST": host}
    assert origin_check(ALLOWED)(origin, environ) is allowed


def test_compression_is_declined():
    seen = {}
    app = DeclineCompression(lambda environ, start: seen.update(environ) or [])
    app({"HTTP_SEC_WEBSOCKET_EXTENSIONS": "permessage-deflate", "PATH_INFO": "/socket.io/"}, lambda *_: None)
    assert seen == {"PATH_INFO": "/socket.io/"}


@pytest.mark.parametrize("value", [{"a": [1, 2.5, None, "é\n"]}, [], "x", 3])
def test_json_survives_a_round_trip(value):
    assert fastjson.loads(fastjson.dumps(value, separators=(",", ":"))) == value
