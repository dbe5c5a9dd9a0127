"""A file that is no export is refused in one sentence, and the next import works."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.e2e.modal import choose, fetched, figures, modal, part, payload, reaches, row_of
from tests.support.exports import scan

REFUSED = {
    "picture.csv": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8, "This is a PNG image, not a CSV file"),
    "page.csv": (b"<!doctype html><html><body>Please log in</body></html>", "This is an HTML page, not a CSV file"),
    "people.csv": (b"name,street,town,phone\r\nAda,1 High Street,London,555\r\n", "no scanner that is known here"),
    "spaces.csv": (b"\r\n  \r\n", "The file is empty"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_file_says_why_and_the_next_one_works(page, name):
    content, sentence = REFUSED[name]
    before = fetched(page, "/api/vulnerabilities/stats")
    choose(page, payload(name, content), source=name)
    reaches(page, "failed")
    expect(part(page, "title")).to_have_text("Import failed")
    expect(part(page, "error")).to_contain_text(sentence)
    part(page, "close").click()
    expect(row_of(page, name)).to_have_attribute("data-state", "failed")
    expect(row_of(page, name).locator('[data-field="error"]')).to_contain_text(sentence)
    assert fetched(page, "/api/vulnerabilities/stats") == before

    choose(page, payload(f"after-{name}", scan(range(5))))
    reaches(page, "completed")
    assert figures(page)["inserted"] == 5


def test_an_empty_file_is_not_even_sent(page):
    choose(page, payload("nothing.csv", b""))
    expect(page.locator("[data-import-error]")).to_have_text("nothing.csv is empty.")
    expect(modal(page)).to_be_hidden()
    choose(page, payload("something.csv", scan(range(2))), source="something")
    expect(page.locator("[data-import-error]")).to_be_empty()
    reaches(page, "completed")


def test_a_header_without_rows_is_an_import_of_nothing(page):
    choose(page, payload("full.csv", scan(range(30))), source="header")
    reaches(page, "completed")
    part(page, "close").click()
    choose(page, payload("header.csv", scan([])))
    reaches(page, "completed")
    assert set(figures(page).values()) == {0}
