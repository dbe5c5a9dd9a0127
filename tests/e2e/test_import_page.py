"""A preview, the import's own page, taking it back, and the list of imports."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.e2e.accessibility import violations
from tests.e2e.modal import bring, choose, figures, findings_of, modal, part, payload, reaches, row_of
from tests.support.exports import export, row, scan

HOSTS = ("here0", "here1", "here2", "here3", "here4")


def findings(hosts, **cells):
    return export(row(host=f"here-{number}", asset_name=HOSTS[number], **cells) for number in hosts)


def test_from_a_preview_to_the_import_and_back(page):
    bring(page.request, "page-1.csv", findings(range(3), cve="CVE-2026-1000"), source="page")
    choose(page, payload("page-2.csv", findings(range(1, 5), severity="Critical")), source="page", preview=True)
    reaches(page, "awaiting")
    assert figures(page) == {"inserted": 2, "updated": 2, "reopened": 0, "resolved": 1, "unchanged": 0, "rejected": 0}
    expect(part(page, "differences")).to_have_text("2 hosts new, 1 host gone")
    expect(page.locator(".progress-guard")).to_be_hidden()
    expect(part(page, "title")).to_have_text("Preview")
    expect(modal(page).locator('[data-figure="open"]')).to_have_text("4")
    assert {finding["severity"] for finding in findings_of(page, "page")} == {"high"}

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
    expect(page.locator('[data-difference="hosts.new"] li')).to_have_text(["here3", "here4"])
    expect(page.locator('[data-difference="hosts.gone"] li')).to_have_text(["here0"])
    address = page.url
    page.locator('[data-difference="hosts.new"] a', has_text="here3").click()
    expect(page.locator("[data-finding-id]").first).to_contain_text("here3")

    page.goto(address)
    page.locator("[data-import-undo]").click()
    page.get_by_role("dialog", name="Undo this import?").get_by_role("button", name="Undo this import").click()
    expect(page.locator("[data-import-state]")).to_have_text("Undone")
    expect(page.locator("[data-import-undo]")).to_be_hidden()
    assert {(finding["host"], finding["severity"], finding["state"]) for finding in findings_of(page, "page")} == {
        (host, "high", "active") for host in HOSTS[:3]
    }
    page.goto("/imports")
    expect(row_of(page, "page-2.csv")).to_have_attribute("data-state", "undone")


def test_the_list_of_imports_is_searched_and_goes_from_page_to_page(page):
    for name in ("older-of-two.csv", "newer-of-two.csv"):
        bring(page.request, name, scan(range(3)), source=name)
    # One import on a page, in place of twenty.
    page.route("**/api/imports?*", lambda route: route.continue_(url=route.request.url.replace("limit=20", "limit=1")))
    page.goto("/imports")
    rows, pager = page.locator("[data-imports-list] [data-import-id]"), page.locator("imports-list list-pager")
    expect(rows).to_contain_text("newer-of-two.csv")
    pager.locator("[data-page-next]").click()
    expect(rows).to_contain_text("older-of-two.csv")
    pager.locator("[data-page-previous]").click()
    expect(rows).to_contain_text("newer-of-two.csv")
    field = page.get_by_role("searchbox", name="Search the imports")
    field.fill("older two")
    expect(rows).to_contain_text("older-of-two.csv")
    page.get_by_role("combobox", name="State").select_option("Failed")
    page.get_by_role("button", name="Show all imports").click()
    expect(field).to_be_focused()
    expect(rows).to_contain_text("newer-of-two.csv")
