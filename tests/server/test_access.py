"""Users of several web processes on one database: what one knows of logins, wrong passwords and sockets, the others know as well."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import requests

from tests.support import ROOT, accounts, sockets
from tests.support.accounts import PASSWORD
from tests.support.exports import scan
from tests.support.server import environment_of
from tests.support.skipping import skipped_without_programs
from tests.support.system import System
from tests.support.waiting import PATIENCE, until

pytestmark = pytest.mark.system


@contextmanager
def system_with(folder, redis, **settings):
    system = System(folder, redis, IMPORT_WORKERS="embedded", API_RATE_LIMIT="off", **settings)
    try:
        yield system
    finally:
        system.close()


@pytest.fixture
def system(tmp_path, redis):
    with system_with(tmp_path, redis, AUTH="local") as system:
        for name, role in (("ada", "admin"), ("vera", "viewer")):
            accounts.add(system.instance, name, role)
        yield system


def sign_in(server, name, password=PASSWORD):
    browser = requests.Session()
    answer = browser.post(
        f"{server.url}/sign-in", data={"name": name, "password": password}, allow_redirects=False, timeout=PATIENCE
    )
    return browser, answer.status_code


def test_a_login_holds_in_every_process_and_ends_in_all_with_its_sockets(system):
    one, other = system.start_web(), system.start_web()
    browser, status = sign_in(one, "vera")
    assert status == 302
    asked = [browser.get(f"{server.url}/api/account", timeout=PATIENCE).status_code for server in (one, other)]
    assert asked == [200, 200]
    cookie = "; ".join(f"{cookie.name}={cookie.value}" for cookie in browser.cookies)
    gone = threading.Event()
    client = sockets.Client(reconnection=False)
    client.on("disconnect", lambda *_: gone.set())
    client.connect(other.url, headers={"Cookie": cookie}, transports=["websocket"])
    assert browser.delete(f"{one.url}/api/account/logins", timeout=PATIENCE).status_code == 200
    assert gone.wait(PATIENCE)
    assert requests.get(f"{other.url}/api/account", headers={"Cookie": cookie}, timeout=PATIENCE).status_code == 401


def test_who_may_do_less_is_cut_off_by_the_other_process_and_joins_no_more_than_that(system):
    one, other = system.start_web(), system.start_web()
    accounts.add(system.instance, "otto", "admin")
    (ada, _), (otto, _) = sign_in(one, "ada"), sign_in(one, "otto")
    session_id = "backup-of-the-record"
    answer = ada.post(f"{one.url}/api/backups", json={"sessionId": session_id}, timeout=PATIENCE)
    assert answer.status_code == 202, answer.text

    def connected():
        client, gone = sockets.Client(reconnection=False), threading.Event()
        client.on("disconnect", lambda *_: gone.set())
        cookie = "; ".join(f"{cookie.name}={cookie.value}" for cookie in otto.cookies)
        client.connect(other.url, headers={"Cookie": cookie}, transports=["websocket"])
        return client, gone

    client, gone = connected()
    assert client.call("join-progress", session_id) == {"ok": True}
    (number,) = [user["id"] for user in ada.get(f"{one.url}/api/users").json()["data"] if user["name"] == "otto"]
    assert ada.patch(f"{one.url}/api/users/{number}", json={"role": "operator"}).status_code == 200
    assert gone.wait(PATIENCE)
    client, _ = connected()
    assert client.call("join-progress", session_id)["error"]["code"] == "NOT_PERMITTED"
    assert otto.get(f"{other.url}/api/progress/{session_id}").status_code == 403
    client.disconnect()


def test_a_thousand_wrong_passwords_leave_a_few_entries_and_let_others_in(tmp_path, redis):
    with system_with(tmp_path, redis, AUTH="local", TRUSTED_PROXIES="1") as system:
        accounts.add(system.instance, "ada", "admin")
        server = system.start_web()

        def attempt(number):
            address = f"2001:db8:0:1:{number:x}::7"  # of one network, each another address
            form = {"name": "ada", "password": f"guess {number}"}
            headers = {"X-Forwarded-For": address}
            return requests.post(f"{server.url}/sign-in", data=form, headers=headers, timeout=PATIENCE)

        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(attempt, range(1_000)))
        statuses = Counter(answer.status_code for answer in answers)
        assert set(statuses) == {401, 429} and statuses[401] == 4
        assert all("please wait" in answer.text for answer in answers if answer.status_code == 429)
        assert system.query("SELECT count(*) FROM audit WHERE action = 'sign-in'")[0][0] < 20
        elsewhere = {"X-Forwarded-For": "2001:db8:0:2::7"}
        form = {"name": "ada", "password": PASSWORD}
        answer = requests.post(
            f"{server.url}/sign-in", data=form, headers=elsewhere, allow_redirects=False, timeout=PATIENCE
        )
        assert answer.status_code == 302


def test_wrong_passwords_are_counted_by_all_processes_together(system):
    servers = system.start_web(), system.start_web()
    statuses = [sign_in(servers[number % 2], "vera", "wrong")[1] for number in range(6)]
    assert statuses == [401] * 4 + [429] * 2
    assert sign_in(servers[0], "ada")[1] == 302


#: Lines of a site of nginx that signs two users in, by what a browser sends of a name and a password.
SIGNS_IN = """
set $who "";
if ($http_authorization = "Basic YWRhOnNlY3JldA==") { set $who ada; }
if ($http_authorization = "Basic dmVyYTpzZWNyZXQ=") { set $who vera; }
proxy_set_header Remote-User $who;
proxy_set_header Remote-Groups $who;
"""


def test_a_proxy_that_signs_in_is_believed_and_nobody_else(tmp_path, redis):
    groups = "ada=admin,vera=viewer"
    with system_with(tmp_path, redis, AUTH="proxy", TRUSTED_PROXIES="1", AUTH_GROUP_ROLES=groups) as system:
        for _ in range(2):
            system.start_web()
        with skipped_without_programs():
            front = system.start_nginx(SIGNS_IN)
        made_up = {"Remote-User": "ada", "Remote-Groups": "ada", "Remote_User": "ada"}
        assert requests.get(f"{front.url}/api/imports", headers=made_up, timeout=PATIENCE).status_code == 401
        as_vera = requests.get(f"{front.url}/api/users", headers=made_up, auth=("vera", "secret"), timeout=PATIENCE)
        assert (as_vera.status_code, as_vera.json()["error"]["code"]) == (403, "NOT_PERMITTED")
        answer = requests.post(
            f"{front.url}/api/vulnerabilities/import",
            files={"csvFile": ("scan.csv", scan([1]))},
            auth=("ada", "secret"),
            headers={"Origin": front.url.replace("http:", "https:")},
            timeout=PATIENCE,
        )
        assert (answer.status_code, answer.json()["startedBy"]) == (200, "ada")
        until(lambda: system.query("SELECT count(*) FROM audit WHERE action = 'import' AND outcome = 'ok'") == [(1,)])


def test_the_doctor_names_what_a_proxy_lacks(tmp_path, redis):
    with system_with(tmp_path, redis, AUTH="none") as system:
        server = system.start_web()
        with skipped_without_programs():
            front = system.start_nginx()

        def doctor(url):
            command = [sys.executable, "-m", "flask", "doctor", url]
            done = subprocess.run(
                command, cwd=ROOT, env=environment_of(system.instance), capture_output=True, text=True, check=False
            )
            return done.returncode, done.stdout

        status, said = doctor(server.url)
        assert (status, said.count("ok  ")) == (0, 8), said
        status, said = doctor(front.url)
        assert status == 1
        assert "Set TRUSTED_PROXIES to the number of proxies" in said
        assert [line[5:] for line in said.splitlines() if line.startswith("BAD")] == ["Client address: 127.0.0.1"], said
