"""Users in a browser: the first administrator, others of each role, tokens, the audit, the connection, and signing out."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.e2e.accessibility import fits, violations, violations_in_both_themes
from tests.e2e.modal import choose, part, payload, reaches
from tests.support.accounts import PASSWORD
from tests.support.exports import scan
from tests.support.server import Server, running


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sign-in") / "log"


@pytest.fixture(scope="module")
def server(browser: Browser, log: Path) -> Iterator[Server]:
    with log.open("wb") as stream, running(stream, AUTH="local") as server:
        yield server


@pytest.fixture(scope="module")
def people(browser: Browser, server: Server, log: Path) -> None:
    """The administrator ada, who comes by the link of the log, and adds the operator oskar and the viewer vera."""
    page = browser.new_page(base_url=server.url)
    page.goto("/")
    expect(page.get_by_text("There are no users yet")).to_be_visible()
    page.goto(next(word for word in log.read_text().split() if "/set-up?key=" in word))
    page.get_by_label("Name").fill("ada")
    for label in ("Password", "Repeat the password"):
        page.get_by_label(label, exact=True).fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator(".who-name")).to_have_text("ada")
    expect(page.get_by_role("heading", name="Start with a scan")).to_be_visible()

    page.goto("/users")
    for name in ("vera", "oskar"):
        page.get_by_label("Name").fill(name)
        page.get_by_label("Password, at least 12 characters").fill(PASSWORD)
        page.get_by_role("button", name="Add the user").click()
        expect(page.locator("[data-users-notice]")).to_have_text(f"{name} may now sign in.")
    page.get_by_label("Role of oskar").select_option("operator")
    expect(page.locator("[data-users-notice]")).to_have_text("The user was changed.")
    page.context.close()


def sign_in(page: Page, name: str, password: str = PASSWORD) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.keyboard.press("Enter")


@pytest.fixture
def signed_in(people: None, open_context: Callable[..., BrowserContext]) -> Callable[..., Page]:
    def signed_in(name: str, path: str = "/") -> Page:
        page = open_context().new_page()
        page.goto(path)
        sign_in(page, name)
        expect(page.locator(".who-name")).to_have_text(name)
        page.wait_for_load_state("load")
        return page

    return signed_in


def test_an_operator_imports_live_and_a_viewer_only_looks(people, signed_in, open_context, trouble):
    trouble.expect("answer: POST .*/sign-in 401")
    page = signed_in("oskar", "/imports")
    choose(page, payload("by-oskar.csv", scan(range(40))), source="oskar")
    reaches(page, "completed")
    part(page, "close").click()
    expect(page.locator('[data-field="scanner"]').first).to_contain_text("by oskar")

    viewer = open_context().new_page()
    viewer.goto("/imports?page=1")
    assert violations_in_both_themes(viewer) == []
    sign_in(viewer, "vera", "wrong")
    expect(viewer.get_by_role("alert")).to_have_text("The name or the password is wrong.")
    expect(viewer.get_by_label("Name")).to_have_value("vera")
    sign_in(viewer, "vera")
    viewer.wait_for_url("**/imports?page=1")
    expect(viewer.locator("import-form")).to_have_count(0)
    expect(viewer.get_by_role("link", name="Data")).to_have_count(0)
    viewer.goto("/imports/1")
    expect(viewer.locator("[data-import-facts]")).to_contain_text("by oskar")
    expect(viewer.locator("[data-import-undo]")).to_be_hidden()


def test_an_administrator_sees_all_users_what_they_did_and_the_connection(signed_in):
    page = signed_in("ada", "/audit")
    page.get_by_label("User, address, target or outcome").fill("user oskar")
    row = page.locator("[data-audit-rows] tr").filter(has_text="user-change")
    expect(row.locator('[data-field="after"]')).to_have_text("role: operator, disabled: false")
    expect(row).to_be_visible()
    found = {}
    for path in ("users", "audit", "account", "connection"):
        page.goto(f"/{path}")
        expect(page.locator('[data-view="loading"]')).to_have_count(0)
        found[path] = violations_in_both_themes(page)
        page.set_viewport_size({"width": 320, "height": 640})
        fits(page)
        found[f"{path}, narrow"] = violations(page)
        page.set_viewport_size({"width": 1280, "height": 720})
    assert {name: lines for name, lines in found.items() if lines} == {}
    expect(page.locator("[data-checks] tr")).to_have_count(6)
    expect(page.locator('[data-checks] [data-state="failed"]')).to_have_count(0)


def test_a_token_works_and_signing_out_everywhere_ends_the_other_browser(server, signed_in, trouble):
    trouble.expect("answer: GET .*/api/(imports|account|vulnerabilities).* 401")
    here, there = signed_in("oskar", "/account"), signed_in("oskar", "/account")
    here.get_by_label("Name").fill("nightly")
    here.get_by_label("Scope").select_option("import")
    here.get_by_role("button", name="Create a token").click()
    expect(here.locator("[data-new-token-text]")).to_have_text(re.compile("^hextrackr_"))
    token = here.locator("[data-new-token-text]").inner_text()
    asked = Request(f"{server.url}/api/imports", headers={"Authorization": f"Bearer {token}"})
    with urlopen(asked, timeout=10) as answer:
        assert "data" in json.load(answer)
    here.reload()
    expect(here.locator("[data-tokens] tr")).to_have_count(1)
    expect(here.locator("[data-new-token]")).to_be_hidden()

    here.get_by_role("button", name="Sign out everywhere").click()
    here.locator("confirm-dialog").get_by_role("button", name="Sign out everywhere").click()
    here.wait_for_url("**/sign-in")
    there.goto("/imports")
    there.wait_for_url("**/sign-in?next=/imports")


def test_a_tab_that_was_signed_out_in_another_one_says_so_and_leads_back_to_its_import(signed_in, trouble):
    # on a busy machine the server closes a socket that still polls, whose next poll is then refused
    trouble.expect("answer: GET .*/api/.* 401", "answer: GET .*/socket.io/.*transport=polling.* 400")
    page = signed_in("oskar", "/imports")
    choose(page, payload("watched.csv", scan(range(40))), source="watched", preview=True)
    reaches(page, "awaiting")
    other = page.context.new_page()
    other.goto("/account")
    signed_out = page.get_by_role("alertdialog", name="You are signed out")

    other.get_by_role("button", name="Sign out", exact=True).click()
    other.wait_for_url("**/sign-in")
    expect(signed_out).to_be_visible()
    assert violations(page) == []
    other.go_back()
    other.wait_for_url("**/sign-in?next=/account")  # what was shown before is not shown again
    sign_in(other, "oskar")
    expect(other.locator(".who-name")).to_have_text("oskar")
    page.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")
    expect(signed_out).to_be_hidden()
    reaches(page, "awaiting")

    other.get_by_role("button", name="Sign out", exact=True).click()
    expect(signed_out).to_be_visible()
    signed_out.get_by_role("link", name="Sign in").click()
    sign_in(page, "oskar")
    page.wait_for_url("**/imports")
    reaches(page, "awaiting")
    part(page, "confirm").click()
    reaches(page, "completed")
