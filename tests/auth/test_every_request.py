"""Odd requests to every route, of an administrator and of nobody: none is an error of the server, and none is stored on the way."""

from __future__ import annotations

import random
import re
from urllib.parse import quote, urlencode

import pytest

from hextrackr.auth.permissions import ROUTES
from tests.auth.test_permissions import ARGUMENTS

TEXTS = (
    "", "0", "-1", "1", "9" * 20, "1e9", "\0", "\ufffd", "\u202e", "%00", "../../etc/passwd", "a" * 3_000, "'", '"', "<script>", "null",
    "[]", "2024-13-45", "9999-12-31", "0000-00-00", "\U0001f4a5", "%", "_", "NaN", "CVE-2024-1", "high",
)  # fmt: skip
NAMES = (
    "page", "limit", "cursor", "sort", "order", "search", "searchIn", "severity", "state", "source", "host", "group", "groupBy", "from",
    "to", "action", "columns", "sessionId", "next", "key", "name", "password", "code", "error", "unfinished", "publishedFrom", "port",
    "period", "mode", "confirm", "vendor", "scanDate",
)  # fmt: skip
BODIES = (
    None, [], {}, 5, "x", {"name": "\ud800"}, {"name": 5, "role": []}, {"name": "x" * 10_000, "role": "viewer", "password": "y" * 200},
    {"sessionId": {}}, {"sessionId": "../../x"}, {"source": "\ud800", "mode": "delta"}, {"source": 5, "mode": {}},
    {"role": None, "disabled": 5}, {"current": "\ud800", "password": "\ud800" * 14}, {"name": "t", "scope": "read", "days": 10**30},
    {"name": "\ud800t", "scope": "read"}, {"columns": {"a": []}, "name": "x"},
    {"name": "\0", "role": "admin", "password": "four words without sens"},
)  # fmt: skip
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "PROPFIND")
#: What waits for processes that are not there, begins what goes on beside the requests, or ends the sign-in.
NOT_TRIED_OUT = {
    "sockets", "imports.import_and_wait", "backups.back_up", "backups.restore", "backups.clear", "account.sign_out", "account.end_login",
    "account.end_logins", "account.change_password", "account.sign_in_with_password",
}  # fmt: skip
#: Files of the program, which are the same for everybody.
FILES = {"static", "asset", "shared_asset"}
#: There are no backups of a record in PostgreSQL; lists have no reader here; a method that is none.
EXPECTED = {501, 503}


def requests_of(app):
    """Endpoint, method, path and what the request brings; the same ones each time."""
    chance = random.Random(20261130)
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        if rule.endpoint in NOT_TRIED_OUT:
            continue
        for method in METHODS:
            for odd in (False, True) if method in rule.methods else (True,):
                path = _path(chance, rule.rule, odd)
                query = urlencode([(chance.choice(NAMES), chance.choice(TEXTS)) for _ in range(chance.randint(0, 3))])
                yield rule.endpoint, method, f"{path}?{query}", _brought(chance, method)


def _path(chance, rule, odd):
    argument = lambda match: quote(chance.choice(TEXTS) if odd else ARGUMENTS[match[1]], safe="")  # noqa: E731
    return re.sub(r"<(?:[^:>]+:)?(\w+)>", argument, rule)


def _brought(chance, method):
    if method in ("GET", "HEAD", "OPTIONS"):
        return {"headers": {"If-None-Match": "*", "Range": "bytes=0-"}}
    kinds = ("application/json", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "text/plain")
    return chance.choice(
        [
            {"json": chance.choice(BODIES)},
            {"data": {chance.choice(NAMES): chance.choice(TEXTS)}},
            {"data": chance.randbytes(200), "content_type": chance.choice(kinds)},
        ]
    )


@pytest.mark.parametrize("name", ["", "ada"])
def test_no_request_is_an_error_of_the_server_or_stored_on_the_way(app, signed_in, name):
    client = signed_in(name)
    errors, stored, seen = [], [], []
    for endpoint, method, path, brought in requests_of(app):
        with client.open(path, method=method, **brought) as answer:
            answer.get_data()
        if answer.status_code >= 500 and answer.status_code not in EXPECTED:
            errors.append((method, path, answer.status_code))
        if endpoint not in FILES and "no-store" not in answer.headers.get("Cache-Control", ""):
            stored.append((method, path))
        opened = ROUTES[endpoint].role is None or method in ("OPTIONS", "PROPFIND")
        if not name and not opened and answer.status_code in (200, 206, 304):
            seen.append((method, path, answer.status_code))
    assert (errors, stored, seen) == ([], [], [])
    assert client.get("/api/account").status_code == (200 if name else 401)
