"""Every route and every event, with every role and with none: allowed or refused as the one table says."""

from __future__ import annotations

import re
import uuid

import pytest
from werkzeug.routing import Rule

from hextrackr.auth import actors, models
from hextrackr.auth.permissions import COMMANDS, EVENTS, ROUTES, SCOPES, Role
from hextrackr.db import Base
from hextrackr.extensions import socketio
from hextrackr.jobs.backups import copying
from hextrackr.progress import protocol
from tests.support.accounts import USERS

#: What stands for the arguments of a path.
ARGUMENTS = {
    "import_id": "1", "source_id": "1", "mapping_id": "1", "finding_id": "1", "host_id": "1", "definition_id": "1", "login_id": "999",
    "token_id": "999", "user_id": "999", "cve": "CVE-2024-1", "name": "backup.sqlite3", "session_id": str(uuid.UUID(int=1)),
    "filename": "scripts/app.js", "part": "scripts",
}  # fmt: skip
#: What works only once, or needs processes that are not there; and what refuses an empty password by itself.
NOT_TRIED_OUT = {"backups.back_up"}
WITH_PASSWORD = "account.sign_in_with_password"
#: What backups are answered with where the record is in PostgreSQL.
NOT_HERE = 501


def path_of(rule: Rule) -> str:
    return re.sub(r"<(?:[^:>]+:)?(\w+)>", lambda argument: ARGUMENTS[argument[1]], rule.rule)


def requests_of(app):
    """Endpoint, method and path of everything that can be asked for."""
    for rule in app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) - {"OPTIONS", "HEAD"}):
            if rule.endpoint not in ("sockets", WITH_PASSWORD):
                yield rule.endpoint, method, path_of(rule)


def answer_to(client, method, path, **options):
    with client.open(path, method=method, **options) as answer:
        answer.get_data()
        return answer


def is_refused(answer):
    leads_away = answer.request.method == "GET" and answer.headers.get("Location", "").startswith("/sign-in")
    return answer.status_code in (401, 403) or leads_away


def test_the_table_names_every_route_and_no_other(app):
    assert {rule.endpoint for rule in app.url_map.iter_rules()} == set(ROUTES)


def test_the_table_names_every_event_and_command(app):
    handled = {event for event, *_ in socketio.server.handlers["/"].items()} if socketio.server.handlers else set()
    assert handled - {"disconnect"} <= set(EVENTS)
    assert {protocol.JOIN, protocol.LEAVE, protocol.PING} <= set(EVENTS)
    assert set(COMMANDS) <= set(app.cli.commands)


def test_what_belongs_to_the_server_is_in_no_backup():
    own = {mapper.local_table.name for mapper in Base.registry.mappers if mapper.class_.__module__ == models.__name__}
    assert own == set(copying.OF_THE_SERVER)


@pytest.mark.parametrize("name", ["", *USERS])
def test_every_route_for_every_role(app, signed_in, name):
    role = USERS.get(name)
    wrong = []
    for endpoint, method, path in requests_of(app):
        needed = ROUTES[endpoint].role
        if endpoint in NOT_TRIED_OUT and role is not None and role >= needed:
            continue
        answer = answer_to(signed_in(name), method, path)
        may = needed is None or (role is not None and role >= needed)
        if is_refused(answer) is may or (answer.status_code >= 500 and answer.status_code != NOT_HERE):
            wrong.append((endpoint, method, answer.status_code))
    assert wrong == []


@pytest.mark.parametrize("scope", SCOPES)
def test_every_route_for_every_token(app, token, scope):
    header = token(scope)
    wrong = []
    for endpoint, method, path in requests_of(app):
        permission = ROUTES[endpoint]
        if endpoint in NOT_TRIED_OUT and scope == "admin":
            continue
        answer = answer_to(app.test_client(), method, path, headers=header)
        may = permission.role is None or (SCOPES[scope] >= permission.role and not permission.in_person)
        if is_refused(answer) is may or (answer.status_code >= 500 and answer.status_code != NOT_HERE):
            wrong.append((endpoint, method, answer.status_code))
    assert wrong == []


def test_a_route_that_the_table_does_not_name_is_nobodys(app, signed_in):
    app.add_url_rule("/forgotten", "forgotten", lambda: "seen")
    assert signed_in("ada").get("/forgotten").status_code == 403
    assert signed_in().get("/forgotten").status_code == 302


def test_what_a_page_shows_is_what_its_reader_may_do(app, signed_in):
    pages = {name: signed_in(name).get("/").text for name in USERS}
    assert {name: 'href="/users"' in page for name, page in pages.items()} == {
        "vera": False,
        "oskar": False,
        "ada": True,
    }
    imports = {name: signed_in(name).get("/imports").text for name in USERS}
    assert {name: "<import-form" in page for name, page in imports.items()} == {
        "vera": False,
        "oskar": True,
        "ada": True,
    }
    assert 'data-progress-cancel data-may="no"' in imports["vera"]
    assert 'data-may="no"' not in imports["ada"]


def test_without_a_sign_in_anybody_may_do_anything():
    assert all(actors.ANYBODY.may(endpoint) for endpoint in ROUTES)
    assert actors.ANYBODY.role is Role.ADMIN


def test_whoever_is_not_signed_in_gets_no_file_but_those_of_the_program(app, signed_in):
    client = signed_in()
    page = client.get("/sign-in")
    assert page.status_code == 200
    for said in ("progress-modal", "topnav", "app.js"):
        assert said not in page.text
    assert client.get("/ready").json.keys() == {"status"}
    assert signed_in("vera").get("/ready").json.keys() == {"status", "checks"}


def test_a_token_in_an_address_or_a_form_is_none(app, token):
    """Addresses stand in logs, in histories and in the header Referer."""
    text = token("admin")["Authorization"].removeprefix("Bearer ")
    for name in ("token", "access_token", "authorization", "Authorization"):
        assert app.test_client().get("/api/imports", query_string={name: text}).status_code == 401
        assert app.test_client().post("/api/imports/1/undo", data={name: text}).status_code == 401
    assert app.test_client().get("/api/imports", headers={"Authorization": f"Basic {text}"}).status_code == 401


def test_a_page_of_another_site_can_send_nothing_with_the_cookie(signed_in):
    client = signed_in("ada")
    for of_another in [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}]:
        for path in ["/sign-in", "/sign-out", "/set-up", "/api/users", "/api/account/password"]:
            assert client.post(path, headers=of_another).status_code == 403
            assert client.get("/api/account").status_code == 200


# Sockets


def connected(app, client=None, **options):
    return socketio.test_client(app, flask_test_client=client, **options)


@pytest.mark.parametrize("name", ["", *USERS])
def test_every_event_for_every_role(app, signed_in, name):
    socket = connected(app, signed_in(name))
    assert socket.is_connected() is (name in USERS)
    if name:
        assert socket.emit(protocol.JOIN, ARGUMENTS["session_id"], callback=True) == {"ok": True}
        assert socket.emit(protocol.LEAVE, ARGUMENTS["session_id"], callback=True) == {"ok": True}
        socket.emit(protocol.PING)
        assert [event["name"] for event in socket.get_received()] == [protocol.PONG]


@pytest.mark.parametrize("namespace", ["/other", "/admin", "/progress"])
def test_there_is_no_other_namespace(app, signed_in, namespace):
    with pytest.raises(RuntimeError):
        connected(app, signed_in("ada"), namespace=namespace).get_received(namespace)


def test_a_token_connects_a_socket_by_its_header_and_by_what_the_client_says(app, token):
    header = token("read")
    assert connected(app, headers=header).is_connected()
    assert connected(app, auth={"token": header["Authorization"].removeprefix("Bearer ")}).is_connected()
    assert not connected(app, auth={"token": "hextrackr_no_such"}).is_connected()


def test_a_session_of_the_whole_record_and_of_somebody_elses_export_is_not_told(app, signed_in, people):
    tracker = app.extensions["progress_tracker"]
    with app.app_context():
        restore = tracker.create_session({"operation": "restore", "filename": "backup.sqlite3"})
        export = tracker.create_session({"operation": "export", "filename": "x.csv", "userId": people["oskar"]})
    may = {}
    for name in USERS:
        socket, client = connected(app, signed_in(name)), signed_in(name)
        joined = [socket.emit(protocol.JOIN, session, callback=True)["ok"] for session in (restore, export)]
        told = [client.get(f"/api/progress/{session}").status_code == 200 for session in (restore, export)]
        assert joined == told
        may[name] = joined
    assert may == {"vera": [False, False], "oskar": [False, True], "ada": [True, False]}
