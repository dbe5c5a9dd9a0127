"""Users whom an OpenID provider or a proxy signs in: real servers behind nginx, a real browser, a provider of another site."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import NamedTemporaryFile
from urllib.parse import urlsplit

import pytest
import requests
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.modal import choose, is_seen_live, payload, reaches
from tests.support import databases, openid
from tests.support.exports import scan
from tests.support.openid import Provider
from tests.support.server import Server
from tests.support.skipping import skipped_without_programs
from tests.support.system import System
from tests.support.waiting import PATIENCE, until

pytestmark = pytest.mark.system

ROLES = "admins=admin,soc=operator,*=viewer"


@pytest.fixture(scope="module")
def server() -> Server:
    """None but what a test starts itself."""
    return Server("127.0.0.1:9", 0, Path())


@pytest.fixture
def provider() -> Iterator[Provider]:
    with openid.serving() as provider:
        provider.url = provider.url.replace("127.0.0.1", "localhost")  # another site than the server's
        yield provider


@pytest.fixture(params=["sqlite", "postgresql"])
def signs_in_by_provider(request, tmp_path: Path, redis, provider: Provider) -> Iterator[tuple[System, Server]]:
    """Two web processes on one database behind nginx, and the address of nginx."""
    with ExitStack() as stack:
        if request.param == "postgresql":
            server = request.getfixturevalue("postgresql_server")
            stack.enter_context(databases.chosen(databases.OnPostgresql(server)))
        oidc = {
            "OIDC_ISSUER": provider.url,
            "OIDC_CLIENT_ID": provider.client_id,
            "OIDC_CLIENT_SECRET": provider.client_secret,
        }
        system = System(
            tmp_path, redis, IMPORT_WORKERS="embedded", AUTH="oidc", TRUSTED_PROXIES="1", AUTH_GROUP_ROLES=ROLES, **oidc
        )  # fmt: skip
        stack.callback(system.close)
        for _ in range(2):
            system.start_web()
        with skipped_without_programs():
            yield system, system.start_nginx()


def enter(context: BrowserContext, name: str) -> Page:
    page = context.new_page()
    page.goto("/imports?page=1")
    page.get_by_role("link", name="Sign in with your provider").click()
    page.wait_for_url("**/imports?page=1")
    expect(page.locator(".who-name")).to_have_text(name)
    return page


def test_a_browser_signs_in_by_the_provider_imports_and_signs_out(
    signs_in_by_provider: tuple[System, Server], provider: Provider, open_context: Callable[..., BrowserContext]
):
    system, front = signs_in_by_provider
    viewer = enter(open_context(base_url=front.url), "vera")
    expect(viewer.locator("import-form")).to_have_count(0)

    provider.claims = {"sub": "2", "preferred_username": "oskar", "groups": ["staff", "soc"]}
    page = enter(open_context(base_url=front.url), "oskar")
    choose(page, payload("scan.csv", scan(range(40))), source="provider")
    reaches(page, "completed")
    assert system.query("SELECT started_by, inserted FROM imports") == [("oskar", 40)]
    page.keyboard.press("Escape")

    page.get_by_role("button", name="Sign out", exact=True).click()
    page.wait_for_url("**/sign-in?signed-out=here")
    page.get_by_role("link", name="sign out there as well").click()
    page.wait_for_url("**/sign-in")
    assert "/sign-out" in provider.asked
    page.goto("/imports")
    page.wait_for_url("**/sign-in?next=/imports")


def test_what_comes_back_may_reach_the_other_process_and_signs_in_once(
    signs_in_by_provider: tuple[System, Server], provider: Provider
):
    system, _ = signs_in_by_provider
    one, other = (server for server, _ in system.webs)
    browser = requests.Session()
    answer = browser.get(f"{one.url}/sign-in/provider", allow_redirects=False, timeout=PATIENCE)
    led = requests.get(answer.headers["Location"], allow_redirects=False, timeout=PATIENCE)
    back = urlsplit(led.headers["Location"])

    def comes_back() -> int:
        address = f"{other.url}{back.path}?{back.query}"
        return browser.get(address, allow_redirects=False, timeout=PATIENCE).status_code

    assert comes_back() == 302
    provider.token = lambda *_: (500, {})  # type: ignore[method-assign]
    for server in (one, other):  # a login holds while the provider is away
        assert browser.get(f"{server.url}/api/account", timeout=PATIENCE).status_code == 200
    browser.cookies.clear()
    assert comes_back() == 401


#: Lines of a site of nginx that signs users in; which groups they have is what the test says by a cookie.
SIGNS_IN = """
auth_basic "scans";
auth_basic_user_file "{users}";
proxy_set_header Remote-User $remote_user;
proxy_set_header Remote-Groups $cookie_groups;
location = /health {{ auth_basic off; proxy_pass http://hextrackr; }}
"""


def test_a_browser_that_a_proxy_signs_in_imports_live_and_loses_at_once_what_its_groups_gave(
    tmp_path: Path, redis, open_context: Callable[..., BrowserContext], many: Path, trouble
):  # fmt: skip
    system = System(
        tmp_path, redis, IMPORT_WORKERS="embedded", AUTH="proxy", TRUSTED_PROXIES="1", AUTH_GROUP_ROLES=ROLES,
        AUTH_PROXY_SIGN_OUT_URL="/outpost/sign_out",
    )  # fmt: skip
    with ExitStack() as stack:
        stack.callback(system.close)
        for _ in range(2):
            system.start_web()
        users = stack.enter_context(NamedTemporaryFile("w", prefix="hextrackr-users-"))
        os.chmod(users.name, 0o644)  # nginx may run as another user
        users.write("oskar:{PLAIN}secret\n")
        users.flush()
        with skipped_without_programs():
            front = system.start_nginx(SIGNS_IN.format(users=users.name))
        context = open_context(base_url=front.url, http_credentials={"username": "oskar", "password": "secret"})
        context.add_cookies([{"name": "groups", "value": "soc", "url": front.url}])
        page = context.new_page()
        opened: list[str] = []
        page.on("websocket", lambda socket: opened.append(socket.url))
        page.goto("/imports")
        expect(page.locator(".who-name")).to_have_text("oskar")
        expect(page.get_by_role("link", name="Sign out")).to_have_attribute("href", "/outpost/sign_out")
        is_seen_live(page, many, source="proxy")
        assert opened
        assert system.query("SELECT started_by FROM imports") == [("oskar",)]

        context.add_cookies([{"name": "groups", "value": "staff", "url": front.url}])
        page.goto("/imports")
        expect(page.locator("import-form")).to_have_count(0)
        refused = context.request.post(f"{front.url}/api/imports/1/undo")
        assert refused.status == 403
        page.close()
        until(lambda: system.query("SELECT role FROM users") == [("viewer",)])
        until(lambda: system.query("SELECT count(*) FROM audit WHERE action = 'user-change'") == [(1,)])
