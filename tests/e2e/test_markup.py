"""What a scanner wrote reaches the page as text, wherever it is shown and found."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.e2e.modal import bring, choose, part, payload, reaches, row_of, sheet, show
from tests.support.exports import COLUMNS, export, row

SCRIPT = "<script>document.title='run'</script>"
IMAGE = "<img src=x onerror=\"document.title='run'\">"
MORE = {"asset.tags": "<b>prod</b>", "definition.see_also": "https://zlib.net/ javascript:alert(1)"}
SAW = f"Installed version : 1.0-zlib\n  {IMAGE}\nFixed version     : 1.1"


def test_markup_is_shown_as_text(page):
    columns = [IMAGE, "name", "town", "phone"]
    show(page, payload("columns.csv", export([dict.fromkeys(columns, SCRIPT)], columns)))
    expect(sheet(page)).to_contain_text("onerror")
    expect(sheet(page).locator("img, script")).to_have_count(0)
    page.keyboard.press("Escape")

    name = f"{IMAGE.replace('/', '')}.csv"
    finding = row(asset_name=SCRIPT, title=f"{IMAGE} old", cve=f"{SCRIPT}, javascript:alert(1)", host="host-x")
    choose(page, payload(name, export([finding])), source=IMAGE)
    reaches(page, "completed")
    expect(part(page, "filename")).to_contain_text("onerror")
    part(page, "close").click()
    expect(row_of(page, "onerror").locator('[data-field="scanner"]')).to_contain_text(IMAGE)
    expect(page).to_have_title("Imports · HexTrackr")

    page.goto("/vulnerabilities?search=onerror")
    listed = page.locator("[data-findings-list] [data-finding-id]")
    expect(listed.locator('[data-field="title"]')).to_have_text(f"{IMAGE} old")
    expect(listed.locator('[data-field="host"]')).to_have_text(SCRIPT)
    expect(page).to_have_title("Findings · HexTrackr")
    expect(page.locator("main img, main script, main a[href^=javascript]")).to_have_count(0)


def test_evidence_and_details_are_shown_and_found(page):
    findings = [
        row(host="evidence-1", asset_name="evidence1", title="Old zlib", output=SAW) | MORE,
        row(host="evidence-2", asset_name="evidence2", plugin="1002", title="No output"),
    ]
    bring(page.request, "evidence.csv", export(findings, (*COLUMNS, "output", *MORE)), source="evidence")

    page.goto("/vulnerabilities?search=1.0-zlib")
    expect(page.locator("[data-explorer]")).to_have_attribute("data-view", "unmatched")
    page.get_by_role("button", name="More filters").click()
    page.get_by_label("Search the evidence as well").check()
    listed = page.locator("[data-findings-list] [data-finding-id]")
    expect(listed).to_have_count(1)
    assert "searchEvidence=true" in page.url
    page.reload()
    expect(page.get_by_role("button", name="Remove the filter: The search includes the evidence")).to_be_visible()

    listed.locator("[data-open-finding]").click()
    panel = page.get_by_role("dialog", name="Old zlib")
    evidence = panel.get_by_role("region", name="Evidence")
    expect(evidence).to_contain_text("Installed version")
    assert evidence.text_content() == SAW
    expect(panel.locator("img")).to_have_count(0)
    expect(panel.locator('[data-panel="seeAlso"]')).to_have_text("https://zlib.net/ javascript:alert(1)")
    expect(panel.locator('[data-panel="seeAlso"] a')).to_have_text(["https://zlib.net/"])
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    panel.get_by_role("button", name="Copy", exact=True).click()
    expect(panel.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == SAW

    panel.get_by_role("link", name="Plugin").click()
    expect(page.locator('[data-entity="seeAlso"] a')).to_have_text(["https://zlib.net/"])
    expect(page.locator('[data-entity="seeAlso"]')).to_contain_text("javascript:alert(1)")
    page.go_back()
    panel.get_by_role("link", name="evidence1").click()
    details = page.get_by_role("region", name="More from the scanner")
    expect(details).to_contain_text("Tags")
    expect(details).to_contain_text("<b>prod</b>")

    page.goto("/vulnerabilities?host=evidence2")
    page.locator("[data-open-finding]").first.click()
    expect(page.get_by_role("dialog", name="No output")).to_contain_text("The scanner reported none.")
    expect(page.get_by_role("region", name="Evidence")).to_be_hidden()
