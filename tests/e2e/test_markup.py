"""What a scanner wrote reaches the page as text, wherever it is shown."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.e2e.modal import choose, part, payload, reaches, row_of, sheet, show
from tests.support.exports import export, row

SCRIPT = "<script>document.title='run'</script>"
IMAGE = "<img src=x onerror=\"document.title='run'\">"


def test_markup_in_an_export_is_shown_as_text(page):
    name = f"{IMAGE.replace('/', '')}.csv"
    finding = row(asset_name=SCRIPT, title=f"{IMAGE} old", cve=f"{SCRIPT}, javascript:alert(1)", host="host-x")
    choose(page, payload(name, export([finding])), source=IMAGE)
    reaches(page, "completed")
    expect(part(page, "filename")).to_contain_text("onerror")
    part(page, "close").click()
    row_ = row_of(page, "onerror")
    expect(row_.locator('[data-field="scanner"]')).to_contain_text(IMAGE)

    page.goto("/vulnerabilities?search=onerror")
    listed = page.locator("[data-findings-list] [data-finding-id]")
    expect(listed.locator('[data-field="title"]')).to_have_text(f"{IMAGE} old")
    expect(listed.locator('[data-field="host"]')).to_have_text(SCRIPT)
    expect(page).to_have_title("Findings · HexTrackr")
    expect(page.locator("main img, main script, main a[href^=javascript]")).to_have_count(0)


def test_markup_in_a_rejected_file_is_shown_as_text(page):
    columns = [IMAGE, "name", "town", "phone"]
    show(page, payload("columns.csv", export([dict.fromkeys(columns, SCRIPT)], columns)))
    expect(sheet(page)).to_contain_text("onerror")
    expect(page).to_have_title("Imports · HexTrackr")
    expect(sheet(page).locator("img, script")).to_have_count(0)
