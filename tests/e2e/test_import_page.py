"""A preview, the import's own page, and taking it back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.accessibility import violations
from tests.e2e.modal import choose, fetched, figures, findings_of, modal, part, payload, reaches, row_of
from tests.support.client import upload
from tests.support.exports import scan
from tests.support.server import Server, running


@pytest.fixture(scope="module")
def server(browser: Browser) -> Iterator[Server]:
    """Of its own: the tests look at all findings there are."""
    with running() as server:
        yield server


@pytest.fixture
def previewed(page: Page) -> Page:
    """One import of three hosts, and a second one that awaits its confirmation."""
    choose(page, payload("first.csv", scan(range(3), cve="CVE-2026-1000")), source="page")
    reaches(page, "completed")
    part(page, "close").click()
    choose(page, payload("second.csv", scan(range(1, 5), severity="Critical")), source="page", preview=True)
    reaches(page, "awaiting")
    return page


def test_a_preview_shows_what_would_change_and_changes_nothing(previewed):
    page = previewed
    assert figures(page) == {"inserted": 2, "updated": 2, "reopened": 0, "resolved": 1, "unchanged": 0, "rejected": 0}
    expect(part(page, "differences")).to_have_text("2 hosts new, 1 host gone")
    expect(page.locator(".progress-guard")).to_be_hidden()
    expect(part(page, "title")).to_have_text("Preview")
    expect(modal(page).locator('[data-figure="open"]')).to_have_text("4")
    assert {finding["severity"] for finding in findings_of(page, "page")} == {"high"}
    part(page, "cancel").click()
    reaches(page, "cancelled")
    assert len(findings_of(page, "page")) == 3


def test_from_the_preview_to_the_import_and_back(previewed):
    page = previewed
    part(page, "details").click()
    expect(page.locator("[data-import-outcome-title]")).to_have_text("What it would change")
    expect(page.locator('[data-reading="format"] dd')).to_contain_text("Tenable Vulnerability Management, 95 % sure")
    expect(modal(page)).to_be_hidden()
    expect(page.locator("[data-import-state]")).to_have_text("Preview")
    assert violations(page) == []
    page.locator("[data-import-confirm]").click()
    reaches(page, "completed")
    part(page, "close").click()

    expect(page.locator("[data-import-outcome-title]")).to_have_text("What it changed")
    expect(page.locator('[data-total-of="inserted"]')).to_have_text("2")
    expect(page.locator('[data-difference="hosts.new"] li')).to_have_text(["web3", "web4"])
    expect(page.locator('[data-difference="hosts.gone"] li')).to_have_text(["web0"])
    assert violations(page) == []

    page.locator("[data-import-undo]").click()
    page.get_by_role("dialog", name="Undo this import?").get_by_role("button", name="Undo this import").click()
    expect(page.locator("[data-import-state]")).to_have_text("Undone")
    expect(page.locator("[data-import-undo]")).to_be_hidden()
    assert {(f["host"], f["severity"], f["state"]) for f in findings_of(page, "page")} == {
        (f"web{number}", "high", "active") for number in range(3)
    }
    page.goto("/imports")
    expect(row_of(page, "second.csv")).to_have_attribute("data-state", "undone")


def test_a_host_that_is_new_leads_to_its_findings(page):
    choose(page, payload("leads.csv", scan([77])), source="leads")
    reaches(page, "completed")
    part(page, "details").click()
    page.locator('[data-difference="hosts.new"] a', has_text="web77").click()
    expect(page.locator("[data-finding-id]").first).to_contain_text("web77")
    assert fetched(page, "/api/vulnerabilities?search=web77")["pagination"]["total"] >= 1


def test_the_list_of_imports_goes_from_page_to_page(page, server):
    for source in ("older", "newer"):
        upload(server, scan(range(3)), source=source)
    # One import on a page, in place of twenty.
    page.route("**/api/imports?*", lambda route: route.continue_(url=route.request.url.replace("limit=20", "limit=1")))
    page.goto("/imports")
    rows, pager = page.locator("[data-imports-list] [data-import-id]"), page.locator("imports-list list-pager")
    expect(rows).to_contain_text("newer")
    pager.locator("[data-page-next]").click()
    expect(rows).to_contain_text("older")
    pager.locator("[data-page-previous]").click()
    expect(rows).to_contain_text("newer")
