"""The page of sources in a real browser: a source is renamed, merged with another one as announced, retired and brought back."""

from __future__ import annotations

import re

from playwright.sync_api import Browser, Page, expect

from tests.e2e.accessibility import violations
from tests.e2e.modal import fetched, payload
from tests.support.exports import scan
from tests.support.server import running


def imported(page: Page, label: str, hosts: list[int]) -> None:
    form = {"confirm": "true", "source": label, "csvFile": payload("scan.csv", scan(hosts))}
    assert page.request.post("/api/vulnerabilities/import", multipart=form).json()["state"] == "completed"


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def says(page: Page, text: str) -> None:
    expect(page.locator("[data-sources-notice]")).to_contain_text(text)


def is_open(page: Page) -> int:
    return fetched(page, "/api/vulnerabilities/stats")["open"]


def test_a_source_is_renamed_merged_retired_and_brought_back(browser: Browser, open_context, trouble):
    trouble.expect("answer: POST .*/rename 409")
    with running() as server:
        page = open_context(base_url=server.url).new_page()
        imported(page, "Berlin", [1, 2, 3])
        imported(page, "Rome", [3, 4])
        page.goto("/sources")
        rows = page.locator("[data-source-rows] tr")
        expect(rows).to_have_count(2)

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
        expect(dialog).to_contain_text("Hosts that are also in Head office: 1 of 2.")
        expect(dialog).to_contain_text("Open findings of both: 5 now, 4 after the merge.")
        assert violations(page) == []
        merge = dialog.get_by_role("button", name="Merge")
        expect(merge).to_be_disabled()
        dialog.get_by_label(re.compile("Type MERGE")).fill("MERGE")
        expect(merge).to_be_enabled()
        merge.click()
        says(page, "Rome is part of Head office now.")
        expect(rows).to_have_count(1)
        assert is_open(page) == 4

        press(page, "Retire Head office")
        page.get_by_role("dialog", name="Retire this source?").get_by_role("button", name="Retire").click()
        says(page, "Head office is retired.")
        assert is_open(page) == 0
        press(page, "Activate Head office")
        says(page, "Head office is active again.")
        assert is_open(page) == 4
        page.close()  # it asks for imports as long as it is open
