"""A file that is no export is refused in one sentence, and the next import works."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.e2e.accessibility import violations
from tests.e2e.modal import choose, fetched, figures, part, payload, reaches, row_of, sheet, show
from tests.support.exports import export, row, scan

REFUSED = {
    "picture.csv": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8, "This is a PNG image, not a CSV file"),
    "page.csv": (b"<!doctype html><html><body>Please log in</body></html>", "This is an HTML page, not a CSV file"),
    "people.csv": (b"name,street,town,phone\r\nAda,1 High Street,London,555\r\n", "not from a supported scanner"),
    "spaces.csv": (b"\r\n  \r\n", "The file is empty"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_file_says_why_and_the_next_one_works(page, name):
    content, sentence = REFUSED[name]
    before = fetched(page, "/api/vulnerabilities/stats")
    show(page, payload(name, content))
    expect(sheet(page).locator('[data-field="problem"]')).to_contain_text(sentence)
    expect(sheet(page).locator("[data-sheet-import]")).to_be_hidden()
    with page.expect_file_chooser() as chooser:
        sheet(page).get_by_role("button", name="Choose another file").click()
    assert fetched(page, "/api/vulnerabilities/stats") == before
    expect(row_of(page, name)).to_have_count(0)

    chooser.value.set_files(payload(f"after-{name}", scan(range(5))))
    sheet(page).get_by_label("Source label").fill(name)
    sheet(page).get_by_role("button", name="Import").click()
    reaches(page, "completed")
    assert figures(page)["inserted"] == 5


def test_an_empty_file_is_not_even_sent(page):
    show(page, payload("nothing.csv", b""))
    expect(sheet(page).locator('[data-field="problem"]')).to_have_text("The file is empty.")
    choose(page, payload("something.csv", scan(range(2))), source="something")
    reaches(page, "completed")


def test_a_file_of_which_no_row_can_be_imported_fails_and_another_one_is_offered(page):
    choose(page, payload("bad.csv", export([row(severity="Enormous")])), source="bad")
    reaches(page, "failed")
    expect(part(page, "title")).to_have_text("Import failed")
    expect(part(page, "error")).to_contain_text("None of the 1 rows can be imported")
    expect(part(page, "figures")).to_be_hidden()
    expect(part(page, "retry")).to_be_hidden()
    with page.expect_file_chooser() as chooser:
        part(page, "another").click()
    chooser.value.set_files(payload("good.csv", scan(range(5))))
    expect(sheet(page)).to_contain_text("5 rows")
    page.keyboard.press("Escape")
    expect(row_of(page, "bad.csv")).to_have_attribute("data-state", "failed")
    expect(row_of(page, "bad.csv").locator('[data-field="error"]')).to_contain_text("None of the 1 rows")


def test_the_list_is_filtered_and_a_failed_import_deleted(page):
    for name in ("deleted-later.csv", "deleted-here.csv"):
        choose(page, payload(name, export([row(severity="Enormous")])), source="deleted")
        reaches(page, "failed")
        part(page, "close").click()
    rows = page.locator("[data-imports-list] [data-import-id]")
    field = page.get_by_role("searchbox", name="Search the imports")
    field.fill("deleted here")
    expect(rows).to_have_count(1)
    page.get_by_role("combobox", name="State").select_option("Completed")
    page.get_by_role("button", name="Show all imports").click()
    expect(field).to_be_focused()
    expect(row_of(page, "deleted-later.csv")).to_be_visible()

    row_of(page, "deleted-here.csv").get_by_role("button", name="Delete the import of deleted-here.csv").click()
    question = page.get_by_role("dialog", name="Delete this import?")
    assert violations(page) == []
    question.get_by_role("button", name="Delete").click()
    expect(row_of(page, "deleted-here.csv")).to_have_count(0)
    row_of(page, "deleted-later.csv").get_by_role("link", name="deleted-later.csv").click()
    page.get_by_role("button", name="Delete").click()
    question.get_by_role("button", name="Delete").click()
    page.wait_for_url("**/imports")
    expect(row_of(page, "deleted-later.csv")).to_have_count(0)


def test_a_header_without_rows_is_an_import_of_nothing(page):
    choose(page, payload("full.csv", scan(range(30))), source="header")
    reaches(page, "completed")
    part(page, "close").click()
    choose(page, payload("header.csv", scan([])), source="header")
    reaches(page, "completed")
    assert set(figures(page).values()) == {0}
