"""Users in a browser: the first administrator, others of each role, tokens, the audit, the connection, and signing out."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.e2e.accessibility import violations
from tests.e2e.modal import choose, part, payload, reaches
from tests.support import ROOT
from tests.support.accounts import PASSWORD
from tests.support.exports import scan
from tests.support.server import Server, environment_of, running


@pytest.fixture(scope="module")
def server(browser: Browser) -> Iterator[Server]:
    with running(AUTH="local") as server:
        yield server


@pytest.fixture(scope="module")
def people(server: Server) -> None:
    for name, role in (("ada", "admin"), ("oskar", "operator"), ("vera", "viewer")):
        command = [sys.executable, "-m", "flask", "user", "add", name, "--role", role, "--password-stdin"]
        environment = environment_of(server.instance, AUTH="local")
        subprocess.run(
            command, cwd=ROOT, env=environment, input=f"{PASSWORD}\n".encode(), check=True, capture_output=True
        )


def sign_in(page: Page, name: str, password: str = PASSWORD) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.keyboard.press("Enter")


@pytest.fixture
def signed_in(people: None, open_context: Callable[..., BrowserContext]) -> Callable[..., Page]:
    def signed_in(name: str, path: str = "/", **options: object) -> Page:
        page = open_context(**options).new_page()
        page.goto(path)
        sign_in(page, name)
        expect(page.locator(".who-name")).to_have_text(name)
        page.wait_for_load_state("load")
        return page

    return signed_in


def test_the_link_of_the_log_makes_the_first_administrator(browser, open_context, tmp_path: Path):
    instance = tmp_path / "instance"
    instance.mkdir()
    with (tmp_path / "log").open("wb") as log, running(log, instance, AUTH="local") as server:
        said = (tmp_path / "log").read_text()
        page = open_context(base_url=server.url).new_page()
        page.goto("/")
        expect(page.get_by_text("There are no users yet")).to_be_visible()
        page.goto(next(word for word in said.split() if "/set-up?key=" in word))
        page.get_by_label("Name").fill("ada")
        for label in ("Password", "Repeat the password"):
            page.get_by_label(label, exact=True).fill(PASSWORD)
        page.keyboard.press("Enter")
        expect(page.locator(".who-name")).to_have_text("ada")
        expect(page.get_by_role("heading", name="Start with a scan")).to_be_visible()
        page.wait_for_load_state("networkidle")
        page.close()


def test_a_wrong_password_is_told_and_the_right_one_leads_on(people, open_context, trouble):
    trouble.expect("answer: POST .*/sign-in 401")
    page = open_context().new_page()
    page.goto("/imports?page=1")
    sign_in(page, "vera", "wrong")
    expect(page.get_by_role("alert")).to_have_text("The name or the password is wrong.")
    expect(page.get_by_label("Name")).to_have_value("vera")
    sign_in(page, "vera")
    page.wait_for_url("**/imports?page=1")


def test_an_operator_imports_live_and_a_viewer_only_looks(signed_in):
    page = signed_in("oskar", "/imports")
    choose(page, payload("by-oskar.csv", scan(range(40))), source="oskar")
    reaches(page, "completed")
    part(page, "close").click()
    expect(page.locator('[data-field="scanner"]').first).to_contain_text("by oskar")
    viewer = signed_in("vera", "/imports/1")
    expect(viewer.locator("[data-import-facts]")).to_contain_text("by oskar")
    expect(viewer.locator("[data-import-undo]")).to_be_hidden()
    expect(page.locator("import-form")).to_be_visible()
    viewer.goto("/imports")
    expect(viewer.locator("import-form")).to_have_count(0)
    expect(viewer.get_by_role("link", name="Data")).to_have_count(0)


def test_an_administrator_adds_a_user_and_sees_it_in_the_audit(signed_in):
    page = signed_in("ada", "/users")
    page.get_by_label("Name").fill("otto")
    page.get_by_label("Password, at least 12 characters").fill(PASSWORD)
    page.get_by_role("button", name="Add the user").click()
    expect(page.locator("[data-users-notice]")).to_have_text("otto may now sign in.")
    page.get_by_label("Role of otto").select_option("operator")
    expect(page.locator("[data-users-notice]")).to_have_text("The user was changed.")
    page.goto("/audit")
    page.get_by_label("User, address, target or outcome").fill("user otto")
    row = page.locator("[data-audit-rows] tr").filter(has_text="user-change")
    expect(row.locator('[data-field="after"]')).to_have_text("role: operator, disabled: false")
    expect(row).to_be_visible()


def test_a_token_is_shown_once_and_works(server, signed_in):
    page = signed_in("oskar", "/account")
    page.get_by_label("Name").fill("nightly")
    page.get_by_label("Scope").select_option("import")
    page.get_by_role("button", name="Make a token").click()
    expect(page.locator("[data-new-token-text]")).to_have_text(re.compile("^hextrackr_"))
    token = page.locator("[data-new-token-text]").inner_text()
    asked = Request(f"{server.url}/api/imports", headers={"Authorization": f"Bearer {token}"})
    with urlopen(asked, timeout=10) as answer:
        assert "data" in json.load(answer)
    page.reload()
    expect(page.locator("[data-tokens] tr")).to_have_count(1)
    expect(page.locator("[data-new-token]")).to_be_hidden()


def test_signing_out_everywhere_ends_the_other_browser_and_its_socket(signed_in, trouble):
    for path in ("imports", "account", "vulnerabilities"):
        trouble.expect(f"answer: GET .*/api/{path}.* 401")
    here, there = signed_in("oskar", "/account"), signed_in("oskar", "/account")
    here.get_by_role("button", name="Sign out everywhere").click()
    here.locator("confirm-dialog").get_by_role("button", name="Sign out everywhere").click()
    here.wait_for_url("**/sign-in")
    there.goto("/imports")
    there.wait_for_url("**/sign-in?next=/imports")


def test_a_tab_that_was_signed_out_in_another_one_says_so_and_leads_back_to_its_import(signed_in, trouble):
    trouble.expect("answer: GET .*/api/.* 401")
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


def test_the_connection_of_a_browser_on_this_machine_is_right(signed_in):
    page = signed_in("ada", "/connection")
    expect(page.locator("[data-checks] tr")).to_have_count(6)
    expect(page.locator('[data-checks] [data-state="failed"]')).to_have_count(0)


@pytest.mark.parametrize(("theme", "width"), [("light", 390), ("dark", 1440)])
def test_axe_finds_nothing_serious(people, open_context, signed_in, theme, width):
    window = {"color_scheme": theme, "viewport": {"width": width, "height": 900}}
    page = open_context(**window).new_page()
    page.goto("/sign-in")
    found = {"sign-in": violations(page)}
    page = signed_in("ada", **window)
    for path in ("users", "audit", "account", "connection"):
        page.goto(f"/{path}")
        expect(page.locator('[data-view="loading"]')).to_have_count(0)
        found[path] = violations(page)
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width, path
    assert {name: lines for name, lines in found.items() if lines} == {}
