"""Signing in with a password, what follows wrong ones, and how a login ends."""

from __future__ import annotations

import json
import logging
import re

import pytest

from hextrackr.auth import audit, logins, passwords, users, watch
from hextrackr.auth.permissions import Role
from hextrackr.extensions import socketio
from tests.support.accounts import PASSWORD


def sign_in(client, name="ada", password=PASSWORD, address="10.0.0.1", **form):
    where = {"REMOTE_ADDR": address}
    return client.post("/sign-in", data={"name": name, "password": password, **form}, environ_overrides=where)


@pytest.fixture
def clock(monkeypatch):
    """The clock of logins, in milliseconds; what is added to it passes."""
    passed = [1_790_000_000_000]
    for module in (logins, users, watch):
        monkeypatch.setattr(module, "now_ms", lambda: passed[0])
    return passed


def test_signing_in_leads_to_the_page_that_was_asked_for(client, people):
    asked = client.get("/imports?page=2")
    assert (asked.status_code, asked.headers["Location"]) == (302, "/sign-in?next=/imports?page%3D2")
    answer = sign_in(client, next="/imports?page=2")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/imports?page=2")
    assert client.get("/imports?page=2").status_code == 200


@pytest.mark.parametrize("elsewhere", ["//evil.example", "/\\evil.example", "https://evil.example", "", "/a\nb"])
def test_nobody_is_led_elsewhere(client, people, elsewhere):
    assert sign_in(client, next=elsewhere).headers["Location"] == "/"


def test_the_cookie_is_for_this_server_and_no_script(client, people):
    plain = sign_in(client).headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(plain.split("; "))
    assert "Secure" not in plain
    client.post("/sign-out")
    over_tls = client.post("/sign-in", data={"name": "ada", "password": PASSWORD}, base_url="https://localhost")
    assert "Secure" in over_tls.headers["Set-Cookie"].split("; ")
    # of this host alone: nobody who has another name of its domain, or is on the way without TLS, can give a browser this cookie
    assert over_tls.headers["Set-Cookie"].startswith("__Host-hextrackr_session=")
    assert client.get("/api/account", base_url="https://localhost").status_code == 200
    assert client.get("/api/account").status_code == 401


def test_a_cookie_over_tls_is_known_to_the_sockets_and_none_that_another_host_has_set(app, people):
    """Through all wrappers of the app, as a request comes."""
    tls = "https://localhost"

    def answer_to_connect(client):
        opened = client.get("/socket.io/?EIO=4&transport=polling", base_url=tls).text
        address = f"/socket.io/?EIO=4&transport=polling&sid={json.loads(opened[1:])['sid']}"
        assert client.post(address, base_url=tls, data="40").text == "ok"
        return client.get(address, base_url=tls).text[:2]

    client, planted = app.test_client(), app.test_client()
    client.post("/sign-in", data={"name": "ada", "password": PASSWORD}, base_url=tls)
    secret = client.get_cookie("__Host-hextrackr_session").value
    assert answer_to_connect(client) == "40"
    planted.set_cookie("hextrackr_session", secret)
    assert answer_to_connect(planted) == "44"
    assert planted.get("/api/account", base_url=tls).status_code == 401


def test_a_name_is_the_same_however_it_is_written(client, people):
    assert sign_in(client, name=" Ada ").status_code == 302


def test_each_sign_in_is_another_login(client, people, query):
    sign_in(client)
    first = client.get_cookie("hextrackr_session").value
    sign_in(client)
    assert client.get_cookie("hextrackr_session").value != first
    client.set_cookie("hextrackr_session", "made.up.cookie")
    assert client.get("/api/imports").status_code == 401


@pytest.mark.parametrize(
    ("name", "password"), [("ada", "wrong"), ("nobody", PASSWORD), ("", ""), ("ada", "x" * 5_000), ("\0", "\0")]
)
def test_a_wrong_name_and_a_wrong_password_are_told_alike(client, people, name, password):
    answer = sign_in(client, name, password)
    assert answer.status_code == 401
    assert "The name or the password is wrong." in answer.text


@pytest.mark.parametrize("name", ["ada", "nobody", "disabled"])
def test_for_a_name_that_nobody_has_a_password_is_looked_at_as_well(app, client, people, monkeypatch, name):
    """How long an answer takes must not tell who there is."""
    with app.app_context():
        users.change(users.add("disabled", Role.VIEWER, PASSWORD)["id"], disabled=True)
    looked_at = []
    monkeypatch.setattr(passwords, "_verify", lambda _, stored, password: looked_at.append(stored) or False)
    assert sign_in(client, name).status_code == 401
    assert len(looked_at) == 1


def test_a_name_cannot_begin_a_line_of_the_log(client, people, caplog):
    caplog.set_level(logging.INFO, logger=audit.__name__)
    sign_in(client, name='x\r\n{"audit": {"actor": "ada", "action": "restore"}}\u2028\x1b[2J', password="wrong")
    (line,) = [record.message for record in caplog.records if record.name == audit.__name__]
    assert json.loads(line)["audit"]["via"] == "nobody"
    assert line.isascii() and line.isprintable()


def test_a_thousand_wrong_passwords_lock_and_are_told(client, people, clock, audited):
    answers = [sign_in(client, password=f"guess {number}") for number in range(1_000)]
    statuses = [answer.status_code for answer in answers]
    assert statuses == [401] * 4 + [429] * 996
    assert "please wait 1 second and try again" in answers[4].text
    assert answers[-1].headers["Retry-After"] == "1"
    assert sign_in(client).status_code == 429  # the right one as well, from there
    assert sign_in(client, address="10.9.9.9").status_code == 302
    told = [action for _, _, action, _, outcome in audited() if outcome != "ok" or action == "lock"]
    assert told == ["sign-in"] * 5 + ["lock"]


def test_the_wait_grows_and_the_account_waits_a_minute_at_most(client, people, clock):
    longest = 0
    for number in range(40):
        for address in ("10.0.0.1", "10.0.0.2", "10.0.0.3"):
            answer = sign_in(client, password=f"guess {number}", address=address)
            if answer.status_code == 429:
                longest = max(longest, int(answer.headers["Retry-After"]))
        clock[0] += 60_000
    assert 60 < longest <= 15 * 60
    waits = int(sign_in(client, address="10.9.9.9").headers.get("Retry-After", 0))
    clock[0] += 60_000
    assert waits <= 60
    assert sign_in(client, address="10.9.9.9").status_code == 302


def test_addresses_of_one_network_of_ipv6_count_as_one(client, people, clock):
    answers = [
        sign_in(client, password="wrong", address=f"2001:db8:1:2::{number}").status_code for number in range(1, 7)
    ]
    assert answers == [401] * 4 + [429] * 2
    assert sign_in(client, address="2001:db8:1:3::1").status_code == 302
    assert sign_in(client, password="wrong", address="::ffff:10.0.0.7").status_code == 401
    assert [sign_in(client, password="wrong", address="10.0.0.7").status_code for _ in range(4)] == [401] * 3 + [429]


def test_the_right_password_is_a_new_beginning(client, people, clock):
    for _ in range(3):
        assert [sign_in(client, password="wrong").status_code for _ in range(3)] == [401] * 3
        assert sign_in(client).status_code == 302


def test_failures_are_forgotten_after_a_while(client, people, clock):
    for _ in range(5):
        sign_in(client, password="wrong")
    clock[0] += logins.FORGET + 1
    assert sign_in(client, password="wrong").status_code == 401


def test_a_login_ends_after_its_hours(client, people, clock):
    sign_in(client)
    clock[0] += 12 * 3_600_000 - 1
    assert client.get("/api/imports").status_code == 200
    clock[0] += 1
    assert client.get("/api/imports").status_code == 401


def test_signing_out_ends_the_login_whoever_has_the_cookie(app, client, people):
    sign_in(client)
    cookie = client.get_cookie("hextrackr_session").value
    assert client.post("/sign-out").headers["Location"] == "/sign-in"
    thief = app.test_client()
    thief.set_cookie("hextrackr_session", cookie)
    assert [other.get("/api/imports").status_code for other in (client, thief)] == [401, 401]
    assert client.post("/sign-out").headers["Location"] == "/sign-in"  # of a tab that still shows its button


def test_logins_are_listed_and_ended(signed_in):
    here, there = signed_in("ada"), signed_in("ada")
    other = signed_in("vera")
    listed = here.get("/api/account").json["logins"]
    assert [login["current"] for login in listed] == [False, True]
    assert other.delete(f"/api/account/logins/{listed[0]['id']}").status_code == 404
    assert here.delete(f"/api/account/logins/{listed[0]['id']}").status_code == 200
    assert [client.get("/api/account").status_code for client in (here, there, other)] == [200, 401, 200]
    third = signed_in("ada")
    assert here.delete("/api/account/logins").status_code == 200
    assert [client.get("/api/account").status_code for client in (here, third, other)] == [401, 401, 200]


def test_a_socket_is_cut_off_when_its_login_ends(app, signed_in):
    here, there = signed_in("ada"), signed_in("vera")
    sockets = [socketio.test_client(app, flask_test_client=client) for client in (here, there)]
    with app.app_context():
        watch.disconnect_ended(app.extensions["auth"])
    assert [socket.is_connected() for socket in sockets] == [True, True]
    here.delete("/api/account/logins")
    with app.app_context():
        watch.disconnect_ended(app.extensions["auth"])
    assert [socket.is_connected() for socket in sockets] == [False, True]


def test_a_socket_is_cut_off_when_its_user_may_do_less_so_that_it_connects_anew(app, signed_in, people):
    sockets = {name: socketio.test_client(app, flask_test_client=signed_in(name)) for name in ("oskar", "vera")}
    with app.app_context():
        users.change(people["oskar"], role=Role.VIEWER)
        users.change(people["vera"], role=Role.ADMIN)
        watch.disconnect_ended(app.extensions["auth"])
    assert {name: socket.is_connected() for name, socket in sockets.items()} == {"oskar": False, "vera": True}


def test_a_new_password_ends_the_other_logins(signed_in, client):
    here, there = signed_in("ada"), signed_in("ada")
    change = lambda current, new: here.post("/api/account/password", json={"current": current, "password": new})  # noqa: E731
    assert change("wrong", "another one entirely").status_code == 401
    assert change(PASSWORD, "short").json["error"]["code"] == "WEAK_PASSWORD"
    assert change(PASSWORD, "another one entirely").status_code == 200
    assert [each.get("/api/account").status_code for each in (here, there)] == [200, 401]
    assert [sign_in(client, password=each).status_code for each in (PASSWORD, "another one entirely")] == [401, 302]


# The first administrator


@pytest.fixture
def key(app, caplog):
    with app.app_context():
        watch._log_set_up_link(app.extensions["auth"], "127.0.0.1", 8989)
    return re.search(r"/set-up\?key=(\S+)", caplog.text)[1]


def set_up(client, key, name="ada", password=PASSWORD, again=PASSWORD):
    return client.post("/set-up", data={"key": key, "name": name, "password": password, "again": again})


def test_the_link_in_the_log_makes_the_first_administrator_once(app, client, key, query):
    assert "The log of the server has a link" in client.get("/sign-in").text
    assert client.get(f"/set-up?key={key}").status_code == 200
    assert client.get("/set-up?key=made-up").status_code == 404
    assert set_up(client, key, again="something else").status_code == 400
    assert set_up(client, key, password="short", again="short").status_code == 400
    assert set_up(client, key).headers["Location"] == "/"
    assert client.get("/api/account").json["role"] == "admin"
    assert [each.status_code for each in (client.get(f"/set-up?key={key}"), set_up(app.test_client(), key))] == [
        404,
        404,
    ]
    assert query("SELECT name, role FROM users") == [("ada", "admin")]


def test_there_is_no_link_once_there_is_a_user(app, client, key):
    with app.app_context():
        users.add("vera", Role.VIEWER, PASSWORD)
    assert set_up(client, key).status_code == 409


def test_without_a_sign_in_there_are_no_accounts(config):
    from dataclasses import replace

    from hextrackr import create_app

    app = create_app(replace(config, AUTH="none"))
    client = app.test_client()
    assert [client.get(path).status_code for path in ("/sign-in", "/users", "/api/audit", "/account")] == [404] * 4
    assert "Users" not in client.get("/imports").text
    assert "Set-Cookie" not in client.get("/imports").headers
    with app.app_context():
        for engine in app.extensions["sqlalchemy"].engines.values():
            engine.dispose()
