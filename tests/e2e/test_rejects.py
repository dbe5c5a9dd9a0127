"""Rows that were not imported are offered as CSV."""

from __future__ import annotations

import csv

from playwright.sync_api import expect

from tests.e2e.modal import choose, figures, part, payload, reaches, row_of
from tests.exports import export, row


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
