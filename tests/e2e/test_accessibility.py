"""With a keyboard, with a screen reader, and by axe's rules."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.e2e.accessibility import violations
from tests.e2e.modal import choose, has_advanced, modal, part, payload, reaches, reaches_percent, sheet, show
from tests.support.exports import export, row, scan


def test_axe_finds_nothing_serious(open_context):
    """In the dark; other tests look at a modal in the light."""
    page = open_context(color_scheme="dark", viewport={"width": 1440, "height": 900}).new_page()
    page.goto("/imports")
    expect(page.locator("imports-list")).not_to_have_attribute("data-view", "loading")
    show(
        page,
        [
            payload("small.csv", scan(range(100))),
            payload("people.csv", b"name,street,town,phone\nAda,High St,London,5\n"),
        ],
    )
    expect(sheet(page).locator("[data-sheet-import]")).to_have_text("Import 1 file")
    sheet(page).locator(".options > summary").click()
    assert violations(page) == []
    page.keyboard.press("Escape")

    choose(page, payload("small.csv", scan(range(100))), source="dark")
    reaches(page, "completed")
    assert violations(page) == []
    part(page, "close").click()
    choose(page, payload("few.csv", scan(range(5))), source="dark")
    reaches(page, "awaiting")
    assert violations(page) == []
    part(page, "cancel").click()
    reaches(page, "cancelled")
    part(page, "close").click()
    choose(page, payload("rejected.csv", export([row(severity="Enormous")])))
    reaches(page, "failed")
    assert violations(page) == []
    part(page, "close").click()
    expect(modal(page)).to_be_hidden()
    assert violations(page) == []

    page.goto("/vulnerabilities")
    expect(page.locator("[data-finding-id]").first).to_be_visible()
    assert violations(page) == []
    page.locator("[data-filter-search]").fill("no such host")
    expect(page.get_by_text("Nothing matches")).to_be_visible()
    assert violations(page) == []


def test_a_screen_reader_is_told(page, generated):
    bar, live = part(page, "bar"), part(page, "live")
    choose(page, generated(30_000), source="told")
    reaches_percent(page, 1)
    expect(bar).to_have_role("progressbar")
    expect(live).to_have_role("status")
    expect(live).to_contain_text("Importing:")
    reaches(page, "completed")
    has_advanced(page, places=5)
    expect(bar).to_have_attribute("aria-valuenow", "100")
    expect(live).to_contain_text("Import complete: 30,000 inserted")


def test_an_import_by_keyboard_alone(page):
    # listened to from the start: the browser is told without waiting for it
    file = payload("keys.csv", scan(range(200, 203), port="22"))
    page.on("filechooser", lambda chooser: chooser.set_files(file))
    expect(page.locator("imports-list")).not_to_have_attribute("data-view", "loading")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator("import-form input[name=csvFile]")).to_be_focused()
    page.keyboard.press("Enter")
    expect(sheet(page).locator("[data-sheet-import]")).to_be_focused()
    page.keyboard.press("Enter")
    reaches(page, "completed")
    expect(part(page, "close")).to_be_focused()
    expect(part(page, "countdown")).to_be_empty()
    page.keyboard.press("Enter")
    expect(modal(page)).to_be_hidden()


def test_the_modal_keeps_the_focus(page):
    choose(page, payload("first.csv", scan(range(100))), source="trap")
    reaches(page, "completed")
    part(page, "close").click()
    choose(page, payload("second.csv", scan(range(5))), source="trap")
    reaches(page, "awaiting")
    for key in ["Tab"] * 8 + ["Shift+Tab"] * 8:
        page.keyboard.press(key)
        # between its last and its first element a dialog hands the focus to the browser's own bars
        assert page.evaluate(
            "() => document.activeElement === document.body || document.activeElement.closest('dialog') !== null"
        )
    part(page, "cancel").click()
    reaches(page, "cancelled")
