"""Users, tokens and the audit: what is changed, by whom, and what is written down of it."""

from __future__ import annotations

import io
import json
import logging
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError

from hextrackr.auth import audit, tokens, watch
from hextrackr.db.dialects import is_postgresql
from hextrackr.jobs.backups import operations
from tests.support.accounts import PASSWORD
from tests.support.client import form
from tests.support.exports import scan
from tests.support.waiting import until

IMPORT = "/api/vulnerabilities/import-staging"


def upload(client, **options):
    body, kind = form(scan([1]))
    return client.post(IMPORT, data=body, content_type=kind, **options)


# Users


def test_an_administrator_adds_and_changes_users(app, signed_in, audited):
    ada = signed_in("ada")
    added = ada.post("/api/users", json={"name": "Otto", "role": "viewer", "password": PASSWORD})
    assert added.status_code == 201
    assert "password" not in added.text.replace("has_password", "")
    again = ada.post("/api/users", json={"name": "OTTO", "role": "viewer", "password": PASSWORD})
    assert again.json["error"]["code"] == "NAME_IN_USE"
    otto = f"/api/users/{added.json['id']}"
    assert ada.patch(otto, json={"role": "operator"}).json["role"] == "operator"
    assert ada.patch(otto, json={"disabled": True}).json["disabled"] is True
    assert app.test_client().post("/sign-in", data={"name": "otto", "password": PASSWORD}).status_code == 401
    assert [(who, action, target) for who, _, action, target, _ in audited() if action == "user-change"] == [
        ("ada", "user-change", "user Otto")
    ] * 2


def test_who_is_disabled_is_out_at_once_with_every_token(app, signed_in, people, token):
    vera, header = signed_in("vera"), token("read", "vera")
    assert vera.get("/api/imports").status_code == 200
    signed_in("ada").patch(f"/api/users/{people['vera']}", json={"disabled": True})
    assert vera.get("/api/imports").status_code == 401
    assert app.test_client().get("/api/imports", headers=header).status_code == 401


def test_another_role_counts_from_the_next_request_on(signed_in, people):
    oskar = signed_in("oskar")
    assert upload(oskar).status_code == 202
    signed_in("ada").patch(f"/api/users/{people['oskar']}", json={"role": "viewer"})
    assert upload(oskar).status_code == 403


@pytest.mark.parametrize("change", [{"role": "viewer"}, {"disabled": True}])
def test_the_last_administrator_stays_one(signed_in, people, change):
    answer = signed_in("ada").patch(f"/api/users/{people['ada']}", json=change)
    assert (answer.status_code, answer.json["error"]["code"]) == (409, "LAST_ADMIN")


NO_USERS = (
    {}, [], {"name": "x", "role": "king", "password": PASSWORD}, {"name": "", "role": "viewer", "password": PASSWORD},
    {"name": 7, "role": "viewer"}, {"name": "x", "role": "viewer", "password": "short"},
    {"name": "hextra", "role": "viewer", "password": "hextra123456"}, {"name": "x", "role": "viewer", "password": "aaaaaaaaaaaaaaa"},
)  # fmt: skip


def test_what_cannot_be_a_user_is_refused(signed_in):
    ada = signed_in("ada")
    for body in NO_USERS:
        assert ada.post("/api/users", json=body).status_code == 400


def test_the_commands(app, query):
    runner = app.test_cli_runner()

    def run(*words, said=""):
        with app.app_context():
            return runner.invoke(args=["user", *words], input=said)

    assert run("add", "ada", "--role", "admin", "--password-stdin", said=f"{PASSWORD}\n").exit_code == 0
    assert run("add", "vera", said=f"{PASSWORD}\n{PASSWORD}\n").exit_code == 0
    assert run("add", "vera", "--password-stdin", said=f"{PASSWORD}\n").exit_code == 1
    assert run("role", "vera", "operator").exit_code == 0
    assert run("disable", "vera").exit_code == 0
    assert run("passwd", "ada", "--password-stdin", said="another one entirely\n").exit_code == 0
    assert "There is no user 'otto'." in run("role", "otto", "admin").output
    assert run("list").output == "ada\tadmin\tlocal\nvera\toperator\tlocal\tdisabled\n"
    sign_in = lambda word: app.test_client().post("/sign-in", data={"name": "ada", "password": word}).status_code  # noqa: E731
    assert [sign_in(word) for word in (PASSWORD, "another one entirely")] == [401, 302]
    assert {via for (via,) in query("SELECT via FROM audit WHERE action <> 'sign-in'")} == {"command"}


# Tokens


def test_a_token_is_shown_once_and_stored_as_a_digest(app, signed_in, query):
    ada = signed_in("ada")
    made = ada.post("/api/account/tokens", json={"name": "nightly", "scope": "import", "days": 30}).json
    assert made["token"].startswith(tokens.PREFIX)
    listed = ada.get("/api/account")
    assert [each["name"] for each in listed.json["tokens"]] == ["nightly"]
    assert made["token"] not in listed.text
    assert made["token"] not in str(query("SELECT * FROM tokens")) + str(query("SELECT * FROM audit"))


def test_a_token_needs_no_cookie_and_no_origin(app, token, signed_in):
    header = token("import")
    client = app.test_client()
    assert upload(client, headers={**header, "Origin": "https://elsewhere.example"}).status_code == 202
    assert upload(signed_in("ada"), headers={"Origin": "https://elsewhere.example"}).status_code == 403
    made_up = {"Authorization": "Bearer hextrackr_made_up"}
    assert signed_in("ada").get("/api/imports", headers=made_up).status_code == 401  # the cookie does not count then
    assert "Set-Cookie" not in client.get("/api/imports", headers=header).headers


def test_a_token_ends(app, signed_in, token, people, monkeypatch):
    header, ada = token("read", days=1), signed_in("ada")
    ask = lambda: app.test_client().get("/api/imports", headers=header).status_code  # noqa: E731
    assert ask() == 200
    real = tokens.now_ms
    monkeypatch.setattr(tokens, "now_ms", lambda: real() + 24 * 3_600_000)
    assert ask() == 401
    monkeypatch.setattr(tokens, "now_ms", real)
    assert ask() == 200
    (known,) = ada.get("/api/account").json["tokens"]
    assert signed_in("vera").delete(f"/api/account/tokens/{known['id']}").status_code == 404
    assert ada.delete(f"/api/account/tokens/{known['id']}").status_code == 200
    assert ask() == 401


def test_when_a_token_was_used_is_noted(app, signed_in, token):
    header, ada = token("read"), signed_in("ada")
    assert ada.get("/api/account").json["tokens"][0]["usedAt"] is None
    app.test_client().get("/api/imports", headers=header)
    with app.app_context():
        watch.save_last_use(app.extensions["auth"])
    assert ada.get("/api/account").json["tokens"][0]["usedAt"] is not None


NO_TOKENS = (
    {"name": "x", "scope": "everything"}, {"name": "", "scope": "read"}, {"name": "x", "scope": "read", "days": 0},
    {"name": "x", "scope": "read", "days": "7"}, {"name": "x", "scope": "admin"},
)  # fmt: skip


def test_what_cannot_be_a_token_is_refused(signed_in):
    oskar = signed_in("oskar")
    for body in NO_TOKENS:
        assert oskar.post("/api/account/tokens", json=body).status_code == 400


# The audit


def test_what_is_done_is_written_down(app, signed_in, token, audited, query):
    assert upload(signed_in("oskar")).status_code == 202
    assert upload(app.test_client(), headers=token("import")).status_code == 202
    assert upload(signed_in("vera")).status_code == 403
    assert signed_in("oskar").post("/api/imports/999/undo").status_code == 404
    entries = [entry for entry in audited() if entry[2] not in ("sign-in", "token-add")]
    assert entries == [
        ("oskar", "login", "import", "import 1", "ok"),
        ("ada (token 0)", "token", "import", "import 2", "ok"),
        ("vera", "login", "import", "vulnerabilities/import-staging", "NOT_PERMITTED"),
        ("oskar", "login", "undo", "import 999", "UNKNOWN_IMPORT"),
    ]
    assert query("SELECT started_by FROM imports ORDER BY id") == [("oskar",), ("ada (token 0)",)]
    assert signed_in("vera").get("/api/imports/1").json["startedBy"] == "oskar"


def test_each_entry_is_a_line_of_the_log(signed_in, caplog):
    caplog.set_level(logging.INFO, logger=audit.__name__)
    signed_in("ada").get("/api/vulnerabilities/export.csv?severity=high")
    told = [json.loads(line.message)["audit"] for line in caplog.records if line.name == audit.__name__]
    (entry,) = [entry for entry in told if entry["action"] == "export"]
    assert (entry["actor"], entry["after"]) == ("ada", {"severity": "high"})


@pytest.mark.parametrize("change", ["UPDATE audit SET actor = 'nobody'", "DELETE FROM audit"])
def test_nobody_changes_an_entry(signed_in, query, engine, change):
    signed_in("ada")
    with pytest.raises(DBAPIError, match="only added to"), engine.begin() as connection:
        connection.exec_driver_sql(change)
    assert query("SELECT count(*) FROM audit") != [(0,)]
    if is_postgresql(engine):
        with pytest.raises(DBAPIError, match="only added to"), engine.begin() as connection:
            connection.exec_driver_sql("TRUNCATE audit")


def test_the_entries_are_filtered_and_exported(signed_in):
    ada = signed_in("ada")
    upload(ada, headers={"User-Agent": "x"})
    ada.post("/api/users", json={"name": "=cmd()", "role": "viewer", "password": PASSWORD})
    listed = ada.get("/api/audit?action=import").json
    assert ([entry["action"] for entry in listed["data"]], listed["pagination"]["total"]) == (["import"], 1)
    assert ada.get("/api/audit?search=user-of-nobody").json["data"] == []
    assert ada.get("/api/audit?to=2000-01-01").json["data"] == []
    assert ada.get("/api/audit?from=2000-01-01&search=vera").json["data"] != []
    assert ada.get("/api/audit?from=yesterday").status_code == 400
    lines = ada.get("/api/audit.csv").text.splitlines()
    assert lines[0] == "time,actor,via,address,action,target,outcome,before,after"
    assert len(lines) > 5
    assert ada.get("/audit").status_code == 200


def test_a_search_through_many_entries_goes_by_pieces(signed_in, app, monkeypatch):
    ada = signed_in("ada")
    with app.test_request_context():
        for number in range(25):
            audit.record("import", f"import {number}", name="otto" if number % 3 else "ada")
    search = lambda page: ada.get(f"/api/audit?search=otto&limit=5&page={page}").json  # noqa: E731
    at_once = [search(page) for page in range(1, 5)]
    export = ada.get("/api/audit.csv?search=otto").text
    monkeypatch.setattr(audit, "_ROWS", 4)
    assert [search(page) for page in range(1, 5)] == at_once
    assert at_once[0]["pagination"]["total"] == 16
    assert [len(page["data"]) for page in at_once] == [5, 5, 5, 1]
    assert ada.get("/api/audit.csv?search=otto").text == export


@pytest.mark.sqlite("PostgreSQL has its own programs for backups")
def test_a_restore_leaves_users_and_audit_as_they_are(app, signed_in, engine, query):
    """And a backup holds none of them."""
    ada, service = signed_in("ada"), app.extensions["backup_service"]
    with app.app_context():
        for kind in ("backup", "clear"):
            with service.running(kind, None) as operation:
                operations.carry_out(operation, lambda *_: None)
            content = Path(operation.backup).read_bytes()
            assert b"argon2" not in content and b"oskar" not in content
    assert query("SELECT count(*) FROM users") == [(3,)]
    assert ada.get("/api/account").status_code == 200
    with pytest.raises(DBAPIError, match="only added to"), engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM audit")


def test_a_file_of_a_form_is_dropped(client, app):
    form = {"name": "ada", "password": PASSWORD, "file": (io.BytesIO(b"x" * 1000), "x.csv")}
    assert client.post("/sign-in", data=form).status_code == 401


def test_a_findings_history_says_who_has_started_its_imports(working, signed_in):
    oskar = signed_in("oskar")
    number = upload(oskar).json["importId"]
    imported = lambda: oskar.get(f"/api/imports/{number}").json  # noqa: E731
    until(lambda: imported()["state"] == "completed")
    assert imported()["startedBy"] == "oskar"
    (finding,) = signed_in("vera").get("/api/vulnerabilities").json["data"]
    (event,) = signed_in("vera").get(f"/api/vulnerabilities/{finding['id']}").json["history"]
    assert event["startedBy"] == "oskar"
