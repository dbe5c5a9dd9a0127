"""Who may connect a socket, and how messages are encoded."""

from __future__ import annotations

import io

import pytest

from hextrackr.auth.guard import OwnOrigins
from hextrackr.realtime import json_codec
from hextrackr.realtime.client_limits import SocketLimits
from hextrackr.realtime.handshake import SocketRequests, origin_check

ALLOWED = ["http://localhost:8080"]


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        ("http://localhost:8080", "127.0.0.1:8989", True),
        ("http://127.0.0.1:8989", "127.0.0.1:8989", True),
        ("http://scanner.corp:8989", "scanner.corp:8989", True),
        ("http://evil.example", "127.0.0.1:8989", False),
        ("http://127.0.0.1:8989.evil.example", "127.0.0.1:8989", False),
        ("https://127.0.0.1:8989", "127.0.0.1:8989", True),  # through a proxy that ends TLS
        ("http://127.0.0.1:9090", "127.0.0.1:8989", False),
        ("null", "127.0.0.1:8989", False),
    ],
)
def test_origins(origin, host, allowed):
    environ = {"wsgi.url_scheme": "http", "HTTP_HOST": host}
    assert origin_check(OwnOrigins(ALLOWED, ()))(origin, environ) is allowed


class Told(list):
    """Notes which methods of the client limits are called."""

    def report(self, address, what):
        pass

    def cut_off(self, sid):
        self.append(sid)

    def end_if_silent(self, sid):
        pass


def ask(method="GET", query="EIO=4&transport=polling&sid=a", body=b"", path="/socket.io/", **headers):
    """Send a request through the wrapper: what the app behind it saw, the status it was answered with itself, the sessions cut off."""
    seen, statuses, faults = {}, [], Told()
    environ = {
        "REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query, "wsgi.input": io.BytesIO(body),
        "CONTENT_LENGTH": str(len(body)), **headers,
    }  # fmt: skip
    app = SocketRequests(lambda environ, start: seen.update(environ) or [], faults, SocketLimits())
    app(environ, lambda status, headers: statuses.append(status))
    return seen, statuses, faults


def test_compression_is_declined():
    seen, _, _ = ask(HTTP_SEC_WEBSOCKET_EXTENSIONS="permessage-deflate")
    assert seen and "HTTP_SEC_WEBSOCKET_EXTENSIONS" not in seen


def test_jsonp_is_refused():
    seen, statuses, _ = ask(query="EIO=4&transport=polling&j=0")
    assert (seen, statuses) == ({}, ["400 Bad Request"])


@pytest.mark.parametrize(
    ("method", "query"),
    [
        ("GET", "EIO=4"),
        ("GET", "EIO=4&transport=abc"),
        ("PUT", "EIO=4&transport=polling"),
        ("GET", "transport=polling&transport=websocket"),
    ],
)
def test_what_is_no_request_of_the_protocol_is_refused(method, query):
    seen, statuses, _ = ask(method, query)
    assert (seen, statuses) == ({}, ["400 Bad Request"])


def test_a_session_that_polls_twice_at_a_time_is_closed():
    told, answers = Told(), []
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/socket.io/", "QUERY_STRING": "EIO=4&transport=polling&sid=a"}

    def start(status, headers):
        answers.append(status)

    def stack(environ, start_response):
        if not answers:
            requests(dict(environ), start)
        return []

    requests = SocketRequests(stack, told, SocketLimits())
    requests(dict(environ), start)
    assert (told, answers) == (["a"], ["400 Bad Request"])
    requests(dict(environ), start)
    assert told == ["a"]


def test_a_poll_that_the_close_of_its_client_has_overtaken_is_answered_once():
    answers = []

    def engine(environ, start_response):
        if environ["REQUEST_METHOD"] == "POST":
            return [b"OK"] if "sid=a" in environ["QUERY_STRING"] else [b"unknown"]
        return [b"unknown"]

    def request(method, sid, body=b""):
        environ = {
            "REQUEST_METHOD": method, "PATH_INFO": "/socket.io/", "QUERY_STRING": f"EIO=4&transport=polling&sid={sid}",
            "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body)),
        }  # fmt: skip
        return b"".join(requests(environ, lambda status, headers: answers.append(status)))

    requests = SocketRequests(engine, Told(), SocketLimits())
    assert request("POST", "a", b"41\x1e1") == b"ok"
    assert (request("GET", "a"), answers) == (b"6", ["200 OK"])
    assert request("GET", "a") == b"unknown"
    assert (request("POST", "b", b"1"), request("GET", "b")) == (b"unknown", b"unknown")


@pytest.mark.parametrize("body", [b"", b"3", b"40", b'42["ping"]', b'42["ping"]\x1e42["ping"]'])
def test_a_sound_polling_body_arrives_as_it_is(body):
    seen, statuses, faults = ask("POST", body=body)
    assert (seen["wsgi.input"].read(), statuses, faults) == (body, [], [])


@pytest.mark.parametrize(
    "body",
    [b"x", b"\xff", b"2", b"9", b"4\x1e", b"\x1e".join([b"3"] * 17), b"4" + b"x" * 9000, b"d=", b"d"],
)
def test_a_malformed_one_is_refused_and_told(body):
    seen, statuses, faults = ask("POST", body=body)
    assert (seen, statuses) == ({}, ["400 Bad Request"])
    assert faults == ["a"]


def test_other_requests_are_none_of_its_business():
    seen, statuses, faults = ask("POST", "j=0", b"x" * 9000, path="/api/imports")
    assert (len(seen["wsgi.input"].read()), statuses, faults) == (9000, [], [])


@pytest.mark.parametrize("value", [{"a": [1, 2.5, None, "é\n"]}, [], "x", 3])
def test_json_survives_a_round_trip(value):
    assert json_codec.loads(json_codec.dumps(value, separators=(",", ":"))) == value
