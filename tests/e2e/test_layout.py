"""On a telephone nothing is wider than the screen."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.modal import choose, modal, part, payload, reaches
from tests.support.exports import export, row
from tests.support.server import Server, running


@pytest.fixture(scope="module")
def server(browser) -> Iterator[Server]:
    with running() as server:
        yield server


@pytest.fixture
def page(open_context) -> Page:
    page = open_context(viewport={"width": 390, "height": 844}).new_page()
    page.goto("/imports")
    return page


def fits(page: Page) -> None:
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    assert page.evaluate("() => { scrollTo(50, 0); return scrollX }") == 0


def test_the_pages_do_not_scroll_sideways(page):
    expect(page.locator("imports-list")).to_have_attribute("data-view", "empty")
    fits(page)
    wide = "x" * 150
    finding = row(asset_name=wide, title=wide, cve=", ".join(f"CVE-2024-{n}" for n in range(1000, 1030)))
    choose(page, payload(f"{wide}.csv", export([finding])), source="narrow")
    reaches(page, "completed")
    box = modal(page).bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    assert modal(page).evaluate("(dialog) => dialog.scrollWidth <= dialog.clientWidth")
    part(page, "close").click()
    expect(page.locator("[data-import-id]")).to_have_count(1)
    fits(page)
    page.goto("/vulnerabilities")
    expect(page.locator("[data-finding-id]")).to_have_count(1)
    fits(page)
    page.locator("[data-cves-more]").click()
    expect(page.get_by_role("heading", name=wide)).to_be_visible()
    fits(page)


def test_a_full_percentage_leaves_room_for_the_message(page):
    choose(page, payload("room.csv", export([row(host="room")])), source="room")
    reaches(page, "completed")
    percent, message = part(page, "percent"), part(page, "message")
    right = percent.evaluate(
        "(element) => { const range = document.createRange(); range.selectNodeContents(element);"
        " return range.getBoundingClientRect().right }"
    )
    assert right < message.bounding_box()["x"]
