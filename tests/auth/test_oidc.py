"""AUTH=oidc: the whole code flow with a provider of our own, and what comes back that is none of its."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from hextrackr.auth import logins, users
from tests.support import openid


@pytest.fixture
def provider():
    with openid.serving() as provider:
        yield provider


@pytest.fixture
def config(config, provider):
    return replace(
        config,
        AUTH="oidc",
        OIDC_ISSUER=provider.url,
        OIDC_CLIENT_ID=provider.client_id,
        OIDC_CLIENT_SECRET=provider.client_secret,
    )


def begin(client, wanted=""):
    """Go to the provider, and return where it leads back."""
    answer = client.get("/sign-in/provider", query_string={"next": wanted})
    assert answer.status_code == 302, answer.text
    led = requests.get(answer.headers["Location"], allow_redirects=False, timeout=10)
    return led.headers["Location"]


def sign_in(client, wanted=""):
    return client.get(begin(client, wanted))


def test_the_code_flow_signs_in_and_leads_to_the_page(client, provider, query):
    page = client.get("/imports?page=2").headers["Location"]
    assert "/sign-in/provider?next=/imports?page%3D2" in client.get(page).text
    answer = sign_in(client, "/imports?page=2")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/imports?page=2")
    assert client.get("/api/account").json["name"] == "vera"
    assert query("SELECT provider, subject, name, role FROM users") == [("oidc", "248289761001", "vera", "viewer")]
    assert [row for row in query("SELECT action, outcome FROM audit") if row[0] == "sign-in"] == [("sign-in", "ok")]
    page = client.post("/sign-out").headers["Location"]
    assert client.get("/api/account").status_code == 401
    assert "sign out there as well" in client.get(page).text


def test_the_same_subject_is_the_same_user_whatever_the_name(app, client, provider, query):
    sign_in(client)
    provider.claims["preferred_username"] = "vera.married"
    sign_in(app.test_client())
    provider.claims = {"sub": "another", "preferred_username": "vera"}
    sign_in(app.test_client())
    assert query("SELECT subject FROM users ORDER BY id") == [("248289761001",), ("another",)]


def test_users_of_one_name_are_told_apart(app, client, provider, query):
    """Whoever can choose a name there must not be taken for another here, on a page or by a command."""
    sign_in(client)
    provider.claims = {"sub": "another", "preferred_username": "VERA"}
    sign_in(app.test_client())
    assert query("SELECT name FROM users ORDER BY id") == [("vera",), ("VERA (2)",)]


@pytest.mark.parametrize(("sub", "name"), [("s" * 256, "long"), ("", "none"), (["a"], "a list")])
def test_who_cannot_be_known_for_good_is_refused(client, provider, query, sub, name):
    provider.claims = {"sub": sub, "preferred_username": name}
    assert sign_in(client).status_code in (401, 403)
    assert query("SELECT count(*) FROM users") == [(0,)]


def test_a_name_is_shown_without_what_cannot_be_seen(client, provider, query):
    provider.claims["preferred_username"] = " ve\u202era\u200b\r\n"
    assert sign_in(client).status_code == 302
    assert query("SELECT name FROM users") == [("vera",)]


def test_a_long_address_to_go_back_to_is_no_reason_to_fail(client, provider):
    """It waits in a cookie, which has 4 kB at most."""
    answer = sign_in(client, f"/vulnerabilities?search={'x' * 5_000}")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/vulnerabilities")


def test_a_code_works_once_and_only_for_the_browser_that_began(app, client):
    back = begin(client)
    assert app.test_client().get(back).status_code == 401
    assert client.get(back).status_code == 302
    assert client.get(back).status_code in (302, 401)
    other = app.test_client()
    state = parse_qs(urlsplit(begin(other)).query)["state"][0]
    assert other.get(f"/sign-in/provider/back?code=made-up&state={state}").status_code == 401
    assert other.get("/api/account").status_code == 401


def test_a_token_that_is_not_for_us_signs_nobody_in(client, provider, query):
    for spoils in [
        {"aud": "another client"},
        {"iss": "https://elsewhere.example"},
        {"nonce": "x"},
        {"exp": 1},
        {"sub": ""},
    ]:
        provider.spoils = spoils
        assert sign_in(client).status_code == 401
        assert client.get("/api/account").status_code == 401
        assert query("SELECT count(*) FROM users") == [(0,)]


def test_a_token_of_another_key_signs_nobody_in(client, provider):
    back = begin(client)
    known = provider.key
    provider.key = openid.RSAKey.generate_key(2048, parameters={"kid": "first"})
    provider.key, signing = known, provider.key
    original = provider.token
    provider.token = lambda *said: (
        setattr(provider, "key", signing),
        original(*said),
        setattr(provider, "key", known),
    )[1]
    assert client.get(back).status_code == 401


def test_what_the_provider_refuses_is_told(client, provider):
    provider.refuses = True
    answer = sign_in(client)
    assert answer.status_code == 401
    assert "did not sign you in" in answer.text


def test_what_comes_back_again_and_again_is_written_down_a_few_times(client, provider, query, monkeypatch):
    monkeypatch.setattr(logins, "now_ms", lambda: 1_790_000_000_000)
    statuses = [client.get("/sign-in/provider/back?code=x&state=y").status_code for _ in range(200)]
    assert statuses == [401] * 49 + [429] * 151
    assert "please wait" in client.get("/sign-in/provider/back?code=x&state=y").text
    entries = query("SELECT action, count(*) FROM audit GROUP BY action ORDER BY action")
    assert entries == [("lock", 1), ("sign-in", 50)]


def test_a_provider_that_is_away_is_told(config, client, provider):
    provider.discovery = lambda: {}
    answer = client.get("/sign-in/provider")
    assert answer.status_code == 401
    assert "cannot be reached" in answer.text


def test_who_is_disabled_is_refused(app, client, provider, query):
    sign_in(client)
    with app.app_context():
        users.change(users.number_of("vera"), disabled=True)
    assert client.get("/api/account").status_code == 401
    assert sign_in(client).status_code == 403
    last = query("SELECT actor, target, outcome FROM audit WHERE action = 'sign-in' ORDER BY id DESC LIMIT 1")
    assert last == [("vera", "user vera", "NOT_PERMITTED")]


def test_nonsense_of_the_provider_is_a_sentence(client, provider):
    for answer in [[], "x", {"id_token": 5}, {"access_token": "x"}, {"id_token": "a.b.c"}]:
        back = begin(client)
        provider.token = lambda *_, answer=answer: (200, answer)
        assert client.get(back).status_code == 401


def test_a_provider_may_change_its_keys(app, client, provider):
    assert sign_in(client).status_code == 302
    provider.key = openid.RSAKey.generate_key(2048, parameters={"kid": "second", "use": "sig", "alg": "RS256"})
    assert sign_in(app.test_client()).status_code == 302


class TestGroups:
    @pytest.fixture
    def config(self, config):
        return replace(config, AUTH_GROUP_ROLES=(("soc", "operator"),))

    def test_the_groups_give_the_role_at_the_sign_in(self, client, provider, query):
        assert sign_in(client).status_code == 403
        provider.claims["groups"] = ["staff", "soc"]
        assert sign_in(client).status_code == 302
        assert client.get("/api/account").json["role"] == "operator"

    def test_the_groups_may_be_told_apart_from_the_token(self, client, provider):
        provider.claims["groups"] = ["soc"]
        provider.spoils = {"groups": None}
        assert sign_in(client).status_code == 403
        provider.spoils = {}
        original = provider.token
        provider.token = lambda *said: _without_groups(provider, original, said)
        assert sign_in(client).status_code == 302
        assert "/userinfo" in provider.asked


def _without_groups(provider, original, said):
    groups = provider.claims.pop("groups")
    try:
        return original(*said)
    finally:
        provider.claims["groups"] = groups


def test_without_the_mode_there_is_no_way_to_a_provider(config):
    from hextrackr import create_app
    from hextrackr.extensions import db

    app = create_app(replace(config, AUTH="local"))
    assert [app.test_client().get(path).status_code for path in ("/sign-in/provider", "/sign-in/provider/back")] == [
        404
    ] * 2
    with app.app_context():
        db.engine.dispose()
