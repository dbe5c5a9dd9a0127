"""An app with users and passwords, and clients that are signed in as somebody."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient

from config import TestingConfig
from hextrackr.auth import logins, passwords, tokens, users
from hextrackr.auth.logins import Browser
from hextrackr.auth.models import User
from hextrackr.auth.permissions import SCOPES
from hextrackr.extensions import db
from tests.support.accounts import PASSWORD, USERS


@pytest.fixture
def config(config: TestingConfig) -> TestingConfig:
    return replace(config, AUTH="local")


@pytest.fixture(autouse=True)
def quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash in no time: how long it takes is no matter of these tests."""
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", lambda: hasher)


@pytest.fixture
def people(app: Flask) -> dict[str, int]:
    """A user of each role; their numbers by their names."""
    with app.app_context():
        return {name: users.add(name, role, PASSWORD)["id"] for name, role in USERS.items()}


@pytest.fixture
def signed_in(app: Flask, people: dict[str, int]) -> Callable[[str], FlaskClient]:
    """A browser in which somebody of these has signed in, or nobody."""

    def signed_in(name: str = "") -> FlaskClient:
        client = app.test_client()
        if name:
            with app.app_context():
                secret = logins.begin(db.session.get_one(User, people[name]), Browser("127.0.0.1", "a browser"), 1)
            with client.session_transaction() as session:
                session["_user_id"] = secret
        return client

    return signed_in


@pytest.fixture
def token(app: Flask, people: dict[str, int]) -> Callable[..., dict[str, str]]:
    """The header with a new token of the administrator, or of somebody else."""

    def token(scope: str, name: str = "ada", days: int | None = None) -> dict[str, str]:
        assert scope in SCOPES
        with app.app_context():
            made = tokens.make(people[name], f"token {len(tokens.listed(people[name]))}", scope, days)
        return {"Authorization": f"Bearer {made['token']}"}

    return token


@pytest.fixture
def audited(app: Flask, query: Callable[..., list[tuple]]) -> Iterator[Callable[[], list[tuple]]]:
    """Who, how, what, of what, with which outcome: the entries since the users were made."""
    yield lambda: query("SELECT actor, via, action, target, outcome FROM audit WHERE action <> 'user-add' ORDER BY id")
