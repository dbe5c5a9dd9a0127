"""The page of sources in a real browser: a source is renamed, merged with another one as announced, retired and brought back."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.e2e.accessibility import violations
from tests.e2e.modal import bring, fetched, held
from tests.support.exports import scan


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def says(page: Page, text: str) -> None:
    expect(page.locator("[data-sources-notice]")).to_contain_text(text)


def open_findings(page: Page, source: str) -> int:
    listed: int = fetched(page, f"/api/vulnerabilities?state=open&limit=1&source={source}")["pagination"]["total"]
    return listed


def test_a_source_is_renamed_merged_retired_and_brought_back(page, trouble):
    trouble.expect("answer: POST .*/rename 409")
    bring(page.request, "berlin.csv", scan([1, 2, 3]), source="Berlin")
    bring(page.request, "rome.csv", scan([3, 4]), source="Rome")
    page.goto("/sources")
    rows = page.locator("[data-source-rows] tr")
    expect(rows.filter(has_text="Rome")).to_have_count(1)

    press(page, "Rename Berlin")
    dialog = page.get_by_role("dialog", name="Rename this source")
    assert violations(page) == []
    dialog.get_by_label("New label").fill("Rome")
    dialog.get_by_label("New label").press("Enter")
    expect(dialog).to_contain_text("Another source of this scanner is already called Rome.")
    dialog.get_by_label("New label").fill("Head office")
    press(page, "Rename")
    says(page, "The source is now called Head office.")
    expect(rows.filter(has_text="Head office")).to_contain_text("also: Berlin")

    press(page, "Merge Rome")
    dialog = page.get_by_role("dialog", name="Merge Rome")
    expect(dialog).to_contain_text("Hosts that are also in")  # with the first of the other sources
    head_office = dialog.locator("option", has_text="Head office").get_attribute("value")
    dialog.get_by_label("Into").select_option(head_office)
    expect(dialog).to_contain_text("Hosts that are also in Head office: 1 of 2.")
    expect(dialog).to_contain_text("Open findings of both: 5 now, 4 after the merge.")
    assert violations(page) == []
    merge = dialog.get_by_role("button", name="Merge")
    expect(merge).to_be_disabled()
    dialog.get_by_label(re.compile("Type MERGE")).fill("MERGE")
    expect(merge).to_be_enabled()
    merge.click()
    says(page, "Rome is now part of Head office.")
    expect(rows.filter(has_text="Rome")).to_have_count(1)  # among the former labels of the other one
    assert open_findings(page, head_office) == 4

    press(page, "Retire Head office")
    page.get_by_role("dialog", name="Retire this source?").get_by_role("button", name="Retire").click()
    says(page, "Head office was retired.")
    assert open_findings(page, head_office) == 0
    press(page, "Activate Head office")
    says(page, "Head office is active again.")
    assert open_findings(page, head_office) == 4


def test_a_merge_is_shown_again_after_a_reload(page, server):
    bring(page.request, "oslo.csv", scan([11, 12]), source="Oslo")
    bring(page.request, "bergen.csv", scan([12]), source="Bergen")
    page.goto("/sources")
    press(page, "Merge Bergen")
    dialog = page.get_by_role("dialog", name="Merge Bergen")
    dialog.get_by_label("Into").select_option(label="Oslo (Tenable Vulnerability Management)")
    expect(dialog).to_contain_text("Hosts that are also in Oslo: 1 of 1.")
    dialog.get_by_label(re.compile("Type MERGE")).fill("MERGE")
    with held(server):
        dialog.get_by_role("button", name="Merge").click()
        expect(dialog).to_contain_text("The merge is about to start.")
        page.reload()
        running = page.get_by_role("region", name="Running merge")
        expect(running).to_contain_text("The merge is about to start.")
    says(page, "The sources are one now.")
    expect(running).to_be_hidden()
