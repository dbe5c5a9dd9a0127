"""Evidence and details where people look for them: beside a finding, on a host's page, in a search; as text, whatever stands in them."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.e2e.modal import choose, part, payload, reaches
from tests.support.exports import COLUMNS, export, row

SAW = "Installed version : 1.0\n  <img src=x onerror=\"document.title='run'\">\nFixed version     : 1.1"


def test_evidence_is_shown_and_found(page):
    findings = [
        row(host="evidence-1", asset_name="evidence1", title="Old zlib", output=SAW) | {"asset.tags": "<b>prod</b>"},
        row(host="evidence-2", asset_name="evidence2", plugin="1002", title="No output"),
    ]
    choose(page, payload("evidence.csv", export(findings, (*COLUMNS, "output", "asset.tags"))), source="evidence")
    reaches(page, "completed")
    part(page, "close").click()

    page.goto("/vulnerabilities?search=onerror")
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
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    panel.get_by_role("button", name="Copy", exact=True).click()
    expect(panel.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == SAW

    panel.get_by_role("link", name="evidence1").click()
    details = page.get_by_role("region", name="More from the scanner")
    expect(details).to_contain_text("Tags")
    expect(details).to_contain_text("<b>prod</b>")

    page.goto("/vulnerabilities?host=evidence2")
    page.locator("[data-open-finding]").first.click()
    expect(page.get_by_role("dialog", name="No output")).to_be_visible()
    expect(page.get_by_role("region", name="Evidence")).to_be_hidden()
