"""Rows that were not imported are told in amber wherever the import is shown, and offered as CSV."""

from __future__ import annotations

import csv

from playwright.sync_api import expect

from tests.e2e.accessibility import violations_in_both_themes
from tests.e2e.modal import choose, figures, modal, part, payload, reaches, row_of
from tests.support.exports import export, row

COLOUR = "(element) => getComputedStyle(element).color"


def rejected_rows(download):
    with open(download.value.path(), encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_an_import_with_rejected_rows_is_told_in_amber_and_stays(page):
    good = [row(host=f"host-{number}", asset_name=f"web{number}") for number in range(3)]
    bad = [row(host=f"bad-{number}", severity="Enormous") for number in range(10)]
    content = export([*good[:2], *bad, good[2]])
    page.evaluate("() => (document.querySelector('#progress-modal').dataset.autoCloseMs = 600_000)")
    choose(page, payload("amber.csv", content), source="amber")
    reaches(page, "completed")
    assert (figures(page)["inserted"], figures(page)["rejected"]) == (3, 10)
    expect(part(page, "title")).to_have_text("Import complete, with rejected rows")
    expect(part(page, "message")).to_contain_text("Import completed with 10 rejected rows: 3 new")
    expect(part(page, "left-out")).to_have_text("10 rows were rejected and not imported.")
    expect(part(page, "live")).to_contain_text("10 rows were rejected")
    expect(part(page, "countdown")).to_have_text("")
    amber = part(page, "left-out").evaluate(COLOUR)
    assert modal(page).locator(".state-mark").evaluate(COLOUR) == amber
    assert violations_in_both_themes(page) == []
    with page.expect_download() as download:
        part(page, "rejects").click()
    [first, *others] = rejected_rows(download)
    assert (first["line"], first["value"], len(others)) == ("4", "Enormous", 9)
    assert first["reason"]

    part(page, "page").click()
    expect(page.locator("[data-import-state]")).to_have_text("Completed with rejects")
    expect(page.locator("[data-import-left-out]")).to_contain_text("10 rows were rejected and not imported.")
    assert page.locator("[data-import-state]").evaluate(COLOUR) == amber
    assert violations_in_both_themes(page) == []
    with page.expect_download() as download:
        page.locator("[data-import-left-out-rejects] a").click()
    assert len(rejected_rows(download)) == 10

    page.goto("/imports")
    badge = row_of(page, "amber.csv").locator(".badge-state")
    expect(badge).to_have_text("Completed with rejects")
    assert badge.evaluate(COLOUR) == amber
    page.goto("/")
    expect(
        page.locator("[data-latest-rows] li").filter(has_text="amber.csv").locator("[data-latest-state]")
    ).to_have_text("Completed with rejects")
