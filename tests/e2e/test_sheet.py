"""A file is dropped on any page, and the sheet shows what was recognised of it before anything starts."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.modal import choose, fetched, figures, part, payload, reaches, sheet, show
from tests.support.exports import COLUMNS, export, row, scan

DROPPED = """({ text, names }) => {
    const transfer = new DataTransfer();
    for (const name of names) transfer.items.add(new File([text], name, { type: "text/csv" }));
    return transfer;
}"""


def drop(page: Page, text: str, *names: str) -> None:
    """Drag files over a page, and drop them there."""
    transfer = page.evaluate_handle(DROPPED, {"text": text, "names": names})
    page.dispatch_event("body", "dragenter", {"dataTransfer": transfer})
    expect(page.get_by_text("Drop to import")).to_be_visible()
    page.dispatch_event("body", "drop", {"dataTransfer": transfer})
    expect(page.get_by_text("Drop to import")).to_be_hidden()


def fact(page: Page, name: str):
    return sheet(page).locator(f'[data-fact="{name}"] dd')


@pytest.mark.parametrize("path", ["/", "/vulnerabilities"])
def test_a_file_that_is_dropped_on_any_page_is_shown_and_imported_at_a_click(page, path):
    page.goto(path)
    imports = fetched(page, "/api/imports")["pagination"]["total"]
    rows = [row(host=f"host-{number}", asset_name=f"web{number}", **{"Our note": "x"}) for number in range(40)]
    drop(page, export(rows, (*COLUMNS, "Our note")).decode(), "dropped.csv")
    expect(sheet(page).get_by_role("heading")).to_have_text("Import this file?")
    expect(fact(page, "scanner")).to_have_text("Tenable Vulnerability Management")
    expect(fact(page, "scanDate")).to_have_text("2026-08-01, the latest date in the file")
    expect(fact(page, "rows")).to_have_text("40 rows with 17 columns")
    expect(fact(page, "unused")).to_have_text("1 column: Our note")
    sheet(page).get_by_label("Source label").fill(f"dropped on {path}")
    expect(fact(page, "source")).to_have_text(f"dropped on {path}, a new source")
    assert fetched(page, "/api/imports")["pagination"]["total"] == imports
    sheet(page).get_by_role("button", name="Import").click()
    reaches(page, "completed")
    assert figures(page)["inserted"] == 40
    part(page, "new").click()
    expect(page.locator("[data-page-info]")).to_contain_text("40")


def test_options_hold_for_the_files_they_were_chosen_for(page):
    show(page, payload("first.csv", scan([1])))
    sheet(page).get_by_label("Source label").fill("once")
    sheet(page).get_by_label("Ask before saving").check()
    sheet(page).get_by_role("button", name="Cancel", exact=True).last.click()
    expect(sheet(page)).to_be_hidden()
    show(page, payload("second.csv", scan([1])))
    expect(sheet(page).get_by_label("Source label")).to_have_value("")
    expect(sheet(page).get_by_label("Ask before saving")).not_to_be_checked()


def test_of_a_large_file_only_the_first_part_is_sent(page, many):
    sent = []
    page.on("request", lambda request: sent.append(request) if request.url.endswith("/recognise") else None)
    show(page, many)
    expect(fact(page, "rows")).to_contain_text("about ")
    [request] = sent
    assert int(request.all_headers()["content-length"]) < 270_000


def test_what_a_proxy_refuses_is_said_in_a_sentence_and_the_import_goes_on(page, trouble):
    trouble.expect("answer: POST .*/recognise 413")
    page.route("**/api/imports/recognise", lambda route: route.fulfill(status=413, body="<h1>413</h1>"))
    choose(page, payload("proxy.csv", scan([1])), source="proxy")
    reaches(page, "completed")
    part(page, "close").click()
    show(page, payload("proxy.csv", scan([1])))
    expect(sheet(page)).to_contain_text("A proxy in front of the server does not accept files of this size.")
