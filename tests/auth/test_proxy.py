"""AUTH=proxy: a proxy says who asks, and nobody else may."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hextrackr.auth import users, watch
from hextrackr.auth.permissions import Role
from hextrackr.extensions import socketio
from hextrackr.progress import protocol


@pytest.fixture
def config(config):
    return replace(config, AUTH="proxy", TRUSTED_PROXIES=1, AUTH_PROXY_ADDRESSES=("10.0.0.1/32", "fd00::/8"))


@pytest.fixture
def ask(client):
    """Ask as the proxy asks for somebody."""

    def ask(name="", groups="", path="/api/imports", peer="10.0.0.1", method="GET", **options):
        headers = {
            "Remote-User": name,
            "Remote-Groups": groups,
            "X-Forwarded-For": "203.0.113.7",
            **options.pop("headers", {}),
        }
        return client.open(path, method=method, headers=headers, environ_overrides={"REMOTE_ADDR": peer}, **options)

    return ask


def test_whom_the_proxy_names_is_signed_in_as_a_viewer_at_first(app, ask, query):
    assert ask("Vera").status_code == 200
    assert ask("vera", path="/data").status_code == 403
    assert query("SELECT name, provider, role, password FROM users") == [("Vera", "proxy", "viewer", None)]
    with app.app_context():
        users.change(users.number_of("vera"), role=Role.ADMIN)
    assert ask("vera", path="/data").status_code == 200
    assert query("SELECT DISTINCT actor, address FROM audit WHERE action = 'sign-in'") == [("Vera", "203.0.113.7")]


@pytest.mark.parametrize("peer", ["10.0.0.2", "203.0.113.7", "127.0.0.1", ""])
def test_nobody_else_may_say_who_asks(ask, peer, query):
    assert ask("ada", peer=peer).status_code == 401
    assert ask("ada", peer=peer, headers={"X-Forwarded-For": "10.0.0.1"}).status_code == 401
    assert query("SELECT count(*) FROM users") == [(0,)]


@pytest.mark.parametrize("peer", ["::ffff:10.0.0.1", "fd00::7"])
def test_the_proxy_may_have_an_address_of_either_kind(ask, peer):
    assert ask("ada", peer=peer).status_code == 200


def test_without_a_name_nobody_is_signed_in(ask):
    assert ask("").status_code == 401
    page = ask("", path="/imports")
    assert (page.status_code, page.headers["Location"]) == (302, "/sign-in?next=/imports")
    assert "has no user name" in ask("", path="/sign-in").text
    assert ask("", path="/sign-in", method="POST", data={"name": "a", "password": "b"}).status_code == 404


def test_pages_lead_to_where_the_proxy_signs_out_if_that_is_set(app, ask):
    assert "Sign out" not in ask("vera", path="/imports").text
    app.config["AUTH_PROXY_SIGN_OUT_URL"] = "/oauth2/sign_out"
    assert '<a class="btn btn-sm" href="/oauth2/sign_out">Sign out</a>' in ask("vera", path="/imports").text


def test_a_user_who_is_disabled_is_refused(app, ask):
    ask("vera")
    with app.app_context():
        users.change(users.number_of("vera"), disabled=True)
    assert ask("vera").json["error"]["code"] == "NOT_PERMITTED"
    assert ask("vera", path="/imports").status_code == 403


def test_a_name_of_any_letters_and_none_that_cannot_be_one(ask, query):
    assert ask(as_header("J\u00fcrgen")).status_code == 200
    assert query("SELECT name FROM users") == [("J\u00fcrgen",)]
    for name in ("x" * 300, "ad\u200ba", "ada\u202e", "ada\x7f"):
        assert ask(as_header(name)).status_code == 400, name


def as_header(name):
    """A name in UTF-8, as WSGI has it."""
    return name.encode().decode("latin-1")


@pytest.mark.parametrize("other", ["\uff41da", "\u0430da", "stra\u00dfe"])
def test_names_that_only_look_alike_are_others(app, ask, query, other):
    """The proxy tells them apart, so one must not be signed in as the other."""
    assert [ask(name).status_code for name in ("ada", "strasse")] == [200, 200]
    with app.app_context():
        users.change(users.number_of("ada"), role=Role.ADMIN)
        users.change(users.number_of("strasse"), role=Role.ADMIN)
    assert ask(as_header(other)).status_code == 200
    assert ask(as_header(other), path="/data").status_code == 403
    assert ask("ADA", path="/data").status_code == 200


def test_the_socket_is_known_by_the_same_headers(app, ask):
    ask("vera")
    connect = lambda **headers: socketio.test_client(app, headers=headers).is_connected()  # noqa: E731
    assert not connect(**{"Remote-User": "vera"})  # comes from an address that is not the proxy's
    assert not connect()


class TestGroups:
    @pytest.fixture
    def config(self, config):
        return replace(config, AUTH_GROUP_ROLES=(("admins", "admin"), ("soc", "operator")))

    def test_the_highest_role_of_the_groups_counts_at_each_request(self, ask, query):
        assert ask("ada", "staff, soc,admins", path="/data").status_code == 200
        assert ask("ada", "soc", path="/data").status_code == 403
        assert ask("ada", "soc").status_code == 200
        assert query("SELECT role FROM users") == [("operator",)]

    def test_who_is_in_none_of_them_is_refused(self, ask, query):
        assert ask("otto", "staff").json["error"]["detail"] == "None of your groups has access to HexTrackr."
        assert ask("otto", "staff", path="/imports").status_code == 403
        assert query("SELECT count(*) FROM users") == [(0,)]

    def test_who_leaves_all_of_them_is_shut_out_until_one_gives_a_role_again(self, app, ask, query):
        made = ask(
            "ada", "soc", path="/api/account/tokens", method="POST", json={"name": "script", "scope": "read"}
        ).json
        with_token = {"headers": {"Authorization": f"Bearer {made['token']}"}}
        by_token = lambda: app.test_client().get("/api/imports", **with_token).status_code  # noqa: E731
        behind_proxy = app.test_client()
        behind_proxy.environ_base["REMOTE_ADDR"] = "10.0.0.1"
        socket = socketio.test_client(
            app, headers={"Remote-User": "ada", "Remote-Groups": "soc"}, flask_test_client=behind_proxy
        )
        assert (by_token(), socket.is_connected()) == (200, True)

        assert ask("ada", "staff").status_code == 403
        assert socket.emit(protocol.JOIN, "a" * 36, callback=True)["ok"] is False
        with app.app_context():
            watch.disconnect_ended(app.extensions["auth"])
        assert (by_token(), socket.is_connected()) == (401, False)

        assert ask("ada", "soc").status_code == 200
        assert by_token() == 200
        assert query("SELECT count(*) FROM audit WHERE action = 'user-change'") == [(2,)]
