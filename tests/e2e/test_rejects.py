"""Rows that were not imported are offered as CSV."""

from __future__ import annotations

import csv

from playwright.sync_api import expect

from tests.e2e.accessibility import violations
from tests.e2e.modal import choose, fetched, figures, modal, part, payload, reaches, row_of
from tests.support.exports import export, row, scan


def test_the_rejected_row_is_downloaded_with_its_line(page):
    rows = [row(host=f"host-{number}", asset_name=f"web{number}") for number in range(3)]
    content = export([*rows[:2], row(host="host-9", severity="Enormous"), rows[2]])
    choose(page, payload("partly.csv", content), source="rejects")
    reaches(page, "completed")
    assert figures(page)["inserted"] == 3
    assert figures(page)["rejected"] == 1
    with page.expect_download() as download:
        part(page, "rejects").click()
    with open(download.value.path(), encoding="utf-8", newline="") as stream:
        [rejected] = csv.DictReader(stream)
    assert rejected["line"] == "4"
    assert rejected["value"] == "Enormous"
    assert rejected["reason"]

    part(page, "close").click()
    link = row_of(page, "partly.csv").locator("[data-rejects]")
    expect(link).to_contain_text("1")
    with page.expect_download() as download:
        link.click()
    assert download.value.suggested_filename.endswith("-rejects.csv")


def partly(hosts, rejects):
    """An export of which so many rows cannot be imported."""
    good = [row(host=f"host-{number}", asset_name=f"web{number}") for number in hosts]
    return export([*good, *(row(host=f"bad-{number}", severity="Enormous") for number in range(rejects))])


def test_an_import_with_rejected_rows_is_told_in_amber_and_stays(page):
    page.evaluate("() => (document.querySelector('#progress-modal').dataset.autoCloseMs = 600_000)")
    choose(page, payload("clean.csv", scan([1])), source="amber")
    reaches(page, "completed")
    expect(part(page, "countdown")).to_contain_text("Closes in")
    expect(part(page, "title")).to_have_text("Import complete")
    expect(part(page, "left-out")).to_be_hidden()
    part(page, "close").click()

    choose(page, payload("amber.csv", partly(range(3), 10)), source="amber")
    reaches(page, "completed")
    expect(part(page, "title")).to_have_text("Import complete, with rejected rows")
    expect(part(page, "message")).to_contain_text("Import completed with 10 rejected rows: 2 new")
    expect(part(page, "left-out")).to_have_text("10 rows were rejected and not imported.")
    expect(part(page, "live")).to_contain_text("10 rows were rejected")
    expect(part(page, "countdown")).to_have_text("")
    colour = "(element) => getComputedStyle(element).color"
    amber = part(page, "left-out").evaluate(colour)
    assert modal(page).locator(".state-mark").evaluate(colour) == amber
    assert violations(page) == []

    part(page, "page").click()
    expect(page.locator("[data-import-state]")).to_have_text("Completed with rejects")
    expect(page.locator("[data-import-left-out]")).to_contain_text("10 rows were rejected and not imported.")
    assert page.locator("[data-import-state]").evaluate(colour) == amber
    assert violations(page) == []
    with page.expect_download() as download:
        page.locator("[data-import-left-out-rejects] a").click()
    assert download.value.suggested_filename.endswith("-rejects.csv")

    page.goto("/imports")
    badge = row_of(page, "amber.csv").locator(".badge-state")
    expect(badge).to_have_text("Completed with rejects")
    assert badge.evaluate(colour) == amber
    page.goto("/")
    expect(
        page.locator("[data-latest-rows] li").filter(has_text="amber.csv").locator("[data-latest-state]")
    ).to_have_text("Completed with rejects")


def test_the_corner_of_the_page_tells_of_rejected_rows_until_somebody_looks(page):
    choose(page, payload("corner.csv", partly(range(1), 1)), source="corner", preview=True)
    reaches(page, "awaiting")
    part(page, "close").click()
    pill = page.locator("import-pills button")
    expect(pill).to_contain_text("Preview is ready")
    [waiting] = [
        one for one in fetched(page, "/api/imports?unfinished=true")["data"] if one["filename"] == "corner.csv"
    ]
    assert page.request.post(f"/api/imports/{waiting['importId']}/confirm").ok
    expect(pill).to_contain_text("Complete, 1 row rejected")
    expect(pill).to_have_attribute("data-state", "completed-with-rejects")
    pill.click()
    reaches(page, "completed")
    expect(part(page, "left-out")).to_have_text("1 row was rejected and not imported.")
