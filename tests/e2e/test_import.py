"""A file goes in and its import is seen live, from the upload to the final figures."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.e2e.modal import choose, figures, has_advanced, modal, part, payload, reaches, row_of, shown
from tests.support.exports import scan

ROWS = 30_000
#: In milliseconds.
AN_HOUR = 3_600_000


def test_a_chosen_file_is_imported_live(page, generated):
    choose(page, generated(ROWS), source="live")
    reaches(page, "completed")

    states = list(dict.fromkeys(moment["state"] for moment in shown(page)))
    assert [state for state in states if state != "waiting"] == ["uploading", "running", "completed"]
    has_advanced(page, places=5)
    assert any("Saving 30,000 findings" in moment["message"] for moment in shown(page))
    assert figures(page) == {
        "inserted": ROWS, "updated": 0, "reopened": 0, "resolved": 0, "unchanged": 0, "rejected": 0
    }  # fmt: skip
    expect(part(page, "percent")).to_have_text("100%")
    expect(part(page, "duration")).to_contain_text("Done in")
    expect(part(page, "steps").locator('[data-status="done"]')).to_have_count(4)

    part(page, "close").click()
    expect(modal(page)).to_be_hidden()
    row = row_of(page, f"scan-{ROWS}.csv")
    expect(row).to_have_attribute("data-state", "completed")
    expect(row.locator('[data-field="rowsRead"]')).to_have_text("30,000")
    expect(row.locator('[data-field="inserted"]')).to_have_text("30,000")
    expect(row.locator('[data-field="scanner"]')).to_contain_text("live")


def test_the_same_file_again_changes_nothing(page):
    file = payload("twice.csv", scan(range(30)))
    choose(page, file, source="twice")
    reaches(page, "completed")
    assert figures(page)["inserted"] == 30
    part(page, "close").click()
    choose(page, file, source="twice")
    reaches(page, "completed")
    assert figures(page) == {
        "inserted": 0, "updated": 0, "reopened": 0, "resolved": 0, "unchanged": 30, "rejected": 0
    }  # fmt: skip


def test_a_finished_import_closes_by_itself(page):
    page.clock.install()
    modal(page).evaluate(f"(dialog) => {{ dialog.dataset.autoCloseMs = {AN_HOUR} }}")
    choose(page, payload("closes.csv", scan(range(3))), source="closes")
    reaches(page, "completed")
    expect(part(page, "countdown")).to_contain_text("Closes in")
    page.clock.fast_forward(AN_HOUR)
    expect(modal(page)).to_be_hidden()
    expect(row_of(page, "closes.csv")).to_have_attribute("data-state", "completed")


def test_a_reader_keeps_a_finished_import_open(page):
    page.clock.install()
    modal(page).evaluate(f"(dialog) => {{ dialog.dataset.autoCloseMs = {AN_HOUR} }}")
    choose(page, payload("stays.csv", scan(range(3))), source="stays")
    reaches(page, "completed")
    expect(part(page, "countdown")).to_contain_text("Closes in")
    part(page, "figures").hover()
    expect(part(page, "countdown")).to_be_empty()
    page.clock.fast_forward(2 * AN_HOUR)
    expect(modal(page)).to_be_visible()
