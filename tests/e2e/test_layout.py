"""Long names on a narrow screen, and the theme that somebody chooses."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.e2e.accessibility import fits
from tests.e2e.modal import choose, modal, part, payload, reaches, row_of
from tests.support.exports import export, row


def test_long_names_do_not_make_a_page_wider_than_the_screen(open_context):
    page = open_context(viewport={"width": 320, "height": 640}).new_page()
    page.goto("/imports")
    wide = "x" * 150
    finding = row(asset_name=wide, title=wide, cve=", ".join(f"CVE-2024-{n}" for n in range(1000, 1030)))
    choose(page, payload(f"{wide}.csv", export([finding])), source="narrow")
    reaches(page, "completed")
    box = modal(page).bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 320
    assert modal(page).evaluate("(dialog) => dialog.scrollWidth <= dialog.clientWidth")
    right = part(page, "percent").evaluate(
        "(element) => { const range = document.createRange(); range.selectNodeContents(element);"
        " return range.getBoundingClientRect().right }"
    )
    assert right < part(page, "message").bounding_box()["x"]
    part(page, "close").click()
    expect(row_of(page, wide)).to_be_visible()
    fits(page)
    page.goto(f"/vulnerabilities?host={wide}")
    expect(page.locator("[data-finding-id]")).to_have_count(1)
    fits(page)
    page.locator("[data-cves-more]").click()
    expect(page.get_by_role("heading", name=wide)).to_be_visible()
    fits(page)


def test_the_theme_of_the_system_is_followed_until_another_one_is_chosen(open_context):
    page = open_context(color_scheme="dark").new_page()
    page.goto("/imports")
    root = page.locator("html")
    expect(root).to_have_attribute("data-bs-theme", "dark")
    page.get_by_role("button", name="Light", exact=True).click()
    page.reload()
    expect(root).to_have_attribute("data-bs-theme", "light")
    expect(page.get_by_role("button", name="Light", exact=True)).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="As the system").click()
    page.reload()
    expect(root).to_have_attribute("data-bs-theme", "dark")
    page.emulate_media(color_scheme="light")
    expect(root).to_have_attribute("data-bs-theme", "light")
