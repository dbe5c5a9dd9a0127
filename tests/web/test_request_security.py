"""Whose requests are answered."""

from __future__ import annotations

import io
import time
from dataclasses import replace

import pytest

from hextrackr import create_app
from hextrackr.errors import TooMany
from hextrackr.extensions import db
from hextrackr.web import imports
from hextrackr.web.uploads import UploadConcurrency


@pytest.fixture
def client_with(config):
    """Make a client of an app with other settings."""
    apps = []

    def make(**settings):
        apps.append(create_app(replace(config, **settings)))
        return apps[-1].test_client()

    yield make
    for app in apps:
        with app.app_context():
            db.engine.dispose()


def test_another_sites_page_cannot_change_anything(client):
    for headers, allowed in [
        ({}, True),
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Origin": "http://localhost"}, True),
        ({"Origin": "http://127.0.0.1:8989"}, True),
        ({"Origin": "http://localhost:8080", "Sec-Fetch-Site": "same-site"}, True),
        ({"Origin": "http://evil.example"}, False),
        ({"Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"}, False),
        ({"Origin": "http://localhost.evil.example"}, False),
        ({"Origin": "https://localhost"}, True),  # through a proxy that ends TLS
        ({"Origin": "http://localhost:3000"}, False),  # another program of this machine
        ({"Origin": "null"}, False),
    ]:
        for path in ("/api/imports/1/cancel", "/api/vulnerabilities/import-staging"):
            answer = client.post(path, headers=headers)
            assert (answer.status_code == 403) is not allowed
            if not allowed:
                assert answer.json["error"]["code"] == "CROSS_SITE"


def test_reading_is_not_refused_by_origin(client):
    assert client.get("/api/imports", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("127.0.0.1:8989", 200),
        ("[::1]:8989", 200),
        ("evil.example:8989", 421),
        ("localhost.evil.example", 421),
        ("", 421),
    ],
)
def test_a_name_that_was_rebound_to_this_machine_is_refused(client_with, host, status):
    assert client_with().get("/health", headers={"Host": host}).status_code == status


def test_a_server_for_others_answers_under_its_names(client_with):
    client = client_with(HOST="0.0.0.0", ALLOWED_HOSTS=("scans.example.org", ".corp.example"))
    hosts = ("scans.example.org", "a.corp.example:443", "scans.example.com")
    assert [client.get("/health", headers={"Host": host}).status_code for host in hosts] == [200, 200, 421]
    assert client_with(HOST="0.0.0.0").get("/health", headers={"Host": "any.example"}).status_code == 200


def test_the_rate_of_the_api_is_bounded_by_address(client_with):
    client = client_with(API_RATE_LIMIT="3 per hour")
    answers = [client.get("/api/imports") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[-1].json["error"]["code"] == "TOO_MANY_REQUESTS"
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert client.get("/api/vulnerabilities").status_code == 429
    assert client.get("/api/imports", environ_overrides={"REMOTE_ADDR": "10.0.0.2"}).status_code == 200
    assert [client.get(path).status_code for path in ("/imports", "/health")] == [200, 200]


@pytest.mark.parametrize("redis_url", ["", "redis://127.0.0.1:1"], ids=["alone", "without its Redis"])
@pytest.mark.parametrize("seconds", [-3_600, 3_600])
def test_a_clock_that_is_set_changes_no_rate(client_with, monkeypatch, seconds, redis_url):
    steady, wall, passed = time.monotonic, time.time, [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: steady() + passed[0])
    client = client_with(API_RATE_LIMIT="3 per minute", REDIS_URL=redis_url)
    ask = lambda: client.get("/api/imports").status_code  # noqa: E731
    assert [ask() for _ in range(3)] == [200] * 3
    monkeypatch.setattr(time, "time", lambda: wall() + seconds)
    assert ask() == 429
    passed[0] = 61
    assert [ask() for _ in range(4)] == [200, 200, 200, 429]
    assert 0 < int(client.get("/api/imports").headers["Retry-After"]) <= 60


def test_it_is_the_clients_own_address_behind_a_proxy_that_is_trusted(client_with):
    behind = {"X-Forwarded-For": "203.0.113.7"}
    trusting = client_with(API_RATE_LIMIT="1 per hour", TRUSTED_PROXIES=1)
    assert [trusting.get("/api/imports", headers=h).status_code for h in (behind, behind, {})] == [200, 429, 200]
    assert [
        trusting.get("/api/imports", headers={"X-Forwarded-For": f"2001:db8::{n}"}).status_code for n in (1, 2)
    ] == [200, 429]
    direct = client_with(API_RATE_LIMIT="1 per hour")
    assert [direct.get("/api/imports", headers=h).status_code for h in (behind, {})] == [200, 429]


def test_uploads_at_once_are_bounded_by_address_and_on_the_whole():
    slots = UploadConcurrency(total=3, per_address=2)
    with slots.slot("a"), slots.slot("a"):
        with pytest.raises(TooMany):
            slots.slot("a").__enter__()
        with slots.slot("b"), pytest.raises(TooMany):
            slots.slot("c").__enter__()
        with slots.slot("c"):
            pass
    with slots.slot("a"), slots.slot("a"), slots.slot("b"):
        pass


def test_the_queue_is_bounded(client, monkeypatch, query):
    monkeypatch.setattr(imports, "QUEUE", 1)
    form = lambda: {"csvFile": (io.BytesIO(b"a,b\n1,2\n"), "scan.csv")}  # noqa: E731
    path = "/api/vulnerabilities/import-staging"
    answers = [client.post(path, data=form()) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 429]
    assert answers[1].json["error"]["code"] == "QUEUE_FULL"
    assert query("SELECT count(*) FROM imports") == [(1,)]


@pytest.mark.parametrize("fields", [{f"field{n}": "x" for n in range(60)}, {"vendor": "x" * 400_000}])
def test_a_form_has_so_many_parts_and_so_long_fields(client, fields, query):
    form = {**fields, "csvFile": (io.BytesIO(b"a,b\n1,2\n"), "scan.csv")}
    answer = client.post("/api/vulnerabilities/import-staging", data=form)
    assert answer.status_code == 413
    assert query("SELECT count(*) FROM imports") == [(0,)]
