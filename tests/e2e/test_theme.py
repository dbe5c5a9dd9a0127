"""Light, dark, or as the system: chosen once, kept."""

from __future__ import annotations

from playwright.sync_api import expect


def test_a_chosen_theme_stays_after_a_reload(open_context):
    page = open_context(color_scheme="light").new_page()
    page.goto("/imports")
    root = page.locator("html")
    expect(root).to_have_attribute("data-bs-theme", "light")
    for choice, theme in (("Dark", "dark"), ("Light", "light")):
        page.get_by_role("button", name=choice, exact=True).click()
        expect(root).to_have_attribute("data-bs-theme", theme)
        page.reload()
        expect(root).to_have_attribute("data-bs-theme", theme)
        expect(page.get_by_role("button", name=choice, exact=True)).to_have_attribute("aria-pressed", "true")


def test_the_system_theme_is_followed(open_context):
    page = open_context(color_scheme="dark").new_page()
    page.goto("/vulnerabilities")
    root = page.locator("html")
    expect(root).to_have_attribute("data-bs-theme", "dark")
    page.get_by_role("button", name="Light", exact=True).click()
    page.get_by_role("button", name="As the system").click()
    page.reload()
    expect(root).to_have_attribute("data-bs-theme", "dark")
    page.emulate_media(color_scheme="light")
    expect(root).to_have_attribute("data-bs-theme", "light")
