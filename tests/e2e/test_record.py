"""A record from its beginning: empty pages, the first scan, a backup that is downloaded, restored, brought and deleted, and a clear."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.accessibility import violations, violations_in_both_themes
from tests.e2e.modal import bring, choose, fetched, part, payload, reaches
from tests.support.exports import scan
from tests.support.server import Server, running

PAGES = ("/", "/vulnerabilities", "/trends", "/imports", "/sources", "/mappings")
#: Days as the chart writes them.
WRITTEN = """(days) => days.map((day) =>
    new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" }).format(new Date(day)))
"""
#: Takes down the texts that a chart writes on its canvas.
RECORD = """
window.drawn = [];
const write = CanvasRenderingContext2D.prototype.fillText;
CanvasRenderingContext2D.prototype.fillText = function (text, ...place) {
    window.drawn.push(text);
    write.call(this, text, ...place);
};
"""


@pytest.fixture(scope="module")
def server(browser: Browser) -> Iterator[Server]:
    with running() as server:
        yield server


def test_an_empty_record_says_what_to_do_first_and_shows_the_first_scan(context):
    page = context.new_page()
    page.add_init_script(RECORD)
    for path in PAGES:
        page.goto(path)
        expect(page.locator('[data-view="loading"]:visible')).to_have_count(0)
        assert violations_in_both_themes(page) == [], path
    page.goto("/")
    expect(page.get_by_role("heading", name="Start with a scan")).to_be_visible()
    expect(page.locator(".dashboard > :visible")).to_have_count(0)
    today = datetime.now(UTC).date()
    choose(page, payload("scan.csv", scan([1, 2, 3], last_seen=f"{today}T00:00:00Z")))
    reaches(page, "completed")
    expect(page.locator('[data-total="open"]')).to_have_text("3")
    expect(page.locator(".welcome")).to_be_hidden()
    part(page, "close").click()

    page.reload()  # the chart of a single scan shows the week around it
    page.wait_for_function("() => window.drawn.some((text) => /^\\d+ /.test(text))")
    week = page.evaluate(WRITTEN, [str(today + timedelta(days=days)) for days in range(-3, 4)])
    labels = {text for text in page.evaluate("window.drawn") if re.match(r"\d+ ", text)}
    assert {week[3]} <= labels <= set(week)


def is_open(page: Page) -> int:
    return fetched(page, "/api/vulnerabilities/stats")["open"]


def backups(page: Page, kind: str = "") -> Locator:
    return page.locator("[data-backup]").filter(has_text=kind)


def says(page: Page, text: str) -> None:
    """Wait for the end of what takes its time: a copy, a check, migrations."""
    expect(page.locator("[data-data-notice]")).to_contain_text(text, timeout=90_000)


def dialog(page: Page, title: str) -> Locator:
    return page.get_by_role("dialog", name=title)


@pytest.mark.sqlite("PostgreSQL is backed up by its own programs")
def test_a_backup_is_made_downloaded_restored_brought_and_deleted(context, trouble):
    trouble.expect("answer: POST .*/api/backups/upload 422")
    page = context.new_page()
    before = is_open(page)
    page.goto("/data")
    page.get_by_role("button", name="Back up now").click()
    page.wait_for_function(
        "() => 'hextrackr_maintenance' in sessionStorage || document.querySelector('[data-backup]') !== null"
    )
    page.reload()  # what is under way is found again
    expect(backups(page)).to_have_count(1)
    expect(page.locator("[data-maintenance]")).to_be_hidden()
    name = backups(page).first.get_attribute("data-backup")
    with page.expect_download() as download:
        page.get_by_role("link", name=f"Download {name}").click()
    assert download.value.suggested_filename == name
    with sqlite3.connect(Path(download.value.path())) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert copy.execute("SELECT count(*) FROM findings WHERE lifecycle <> 'resolved'").fetchone() == (before,)

    bring(page.request, "more.csv", scan(range(10, 15)), source="more")
    assert is_open(page) == before + 5
    restore = page.get_by_role("button", name=f"Restore {name}")
    restore.click()
    assert violations(page) == []
    dialog(page, "Restore this backup?").get_by_role("button", name="Cancel").click()
    restore.click()
    dialog(page, "Restore this backup?").get_by_role("button", name="Restore").click()
    says(page, "The record is that of the backup")
    expect(backups(page, "Made before a restore")).to_have_count(1)
    assert is_open(page) == before
    assert violations(page) == []

    upload = page.locator("[data-backup-file]")
    upload.set_input_files(payload("scan.csv", scan([1])))
    expect(page.locator("[data-data-error]")).to_contain_text("not a backup of HexTrackr")
    upload.set_input_files(payload("mine.sqlite3", Path(download.value.path()).read_bytes()))
    says(page, "mine.sqlite3 was uploaded")
    brought = backups(page, "Uploaded")
    expect(brought).to_have_count(1)
    brought.get_by_role("button", name=re.compile("^Delete")).click()
    dialog(page, "Delete this backup?").get_by_role("button", name="Delete").click()
    expect(brought).to_have_count(0)


@pytest.mark.sqlite("PostgreSQL is backed up by its own programs")
def test_clearing_asks_for_the_word(context):
    page = context.new_page()
    before = is_open(page)
    page.goto("/data")
    clear = page.get_by_role("button", name="Clear everything")
    clear.click()
    asked = dialog(page, "Clear everything?")
    agree, word = asked.get_by_role("button", name="Clear everything"), asked.get_by_label(re.compile("Type DELETE"))
    expect(word).to_be_focused()
    assert violations(page) == []
    for text, enabled in {"delete": False, "DELET": False, "DELETE": True}.items():
        word.fill(text)
        expect(agree).to_be_enabled(enabled=enabled)
    page.keyboard.press("Escape")
    expect(asked).to_be_hidden()
    assert is_open(page) == before

    clear.click()
    expect(word).to_have_value("")
    word.press("Enter")  # without the word it does nothing
    expect(asked).to_be_visible()
    word.fill("DELETE")
    word.press("Enter")
    says(page, "The record is empty")
    expect(backups(page, "Made before a clear")).to_have_count(1)
    assert is_open(page) == 0
    page.goto("/")
    expect(page.get_by_role("heading", name="Start with a scan")).to_be_visible()
