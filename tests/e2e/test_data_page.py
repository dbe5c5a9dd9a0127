"""The page Data: back up, download, bring, restore, delete and clear, in a real browser on a real record."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.accessibility import violations
from tests.e2e.modal import fetched, payload
from tests.support.exports import scan
from tests.support.server import Server, running

pytestmark = pytest.mark.sqlite("PostgreSQL is backed up by its own programs")


@pytest.fixture(scope="module")
def server(browser: Browser) -> Iterator[Server]:
    with running() as server:
        yield server


@pytest.fixture
def page(context) -> Page:
    """The page over a record of three findings."""
    page = context.new_page()
    imported(page, [1, 2, 3])
    page.goto("/data")
    expect(page.locator("data-page")).not_to_have_attribute("data-view", "loading")
    return page


def imported(page: Page, hosts: list[int]) -> None:
    form = {"confirm": "true", "csvFile": payload("scan.csv", scan(hosts))}
    assert page.request.post("/api/vulnerabilities/import", multipart=form).json()["state"] == "completed"


def is_open(page: Page) -> int:
    return fetched(page, "/api/vulnerabilities/stats")["open"]


def backups(page: Page, kind: str = ""):
    return page.locator("[data-backup]").filter(has_text=kind)


def made(page: Page) -> str:
    """Make a backup and return its name."""
    before = backups(page).count()
    page.get_by_role("button", name="Back up now").click()
    says(page, "The backup is complete.")
    expect(backups(page)).to_have_count(before + 1)
    return backups(page).first.get_attribute("data-backup")


def says(page: Page, text: str) -> None:
    """Wait for the end of what takes its time: a copy, a check, migrations."""
    expect(page.locator("[data-data-notice]")).to_contain_text(text, timeout=90_000)


def dialog(page: Page, title: str):
    return page.get_by_role("dialog", name=title)


def test_a_backup_is_downloaded_and_is_a_database(page):
    name = made(page)
    with page.expect_download() as download:
        page.get_by_role("link", name=f"Download {name}").click()
    assert download.value.suggested_filename == name
    with sqlite3.connect(Path(download.value.path())) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert copy.execute("SELECT count(*) FROM findings WHERE lifecycle <> 'resolved'").fetchone() == (3,)


def test_a_backup_is_restored_and_what_it_replaces_is_kept(page):
    name = made(page)
    imported(page, [1, 2, 3, 4, 5])
    page.get_by_role("button", name=f"Restore {name}").click()
    assert violations(page) == []
    dialog(page, "Restore this backup?").get_by_role("button", name="Cancel").click()
    assert is_open(page) == 5
    page.get_by_role("button", name=f"Restore {name}").click()
    dialog(page, "Restore this backup?").get_by_role("button", name="Restore").click()
    says(page, "The record is that of the backup")
    expect(backups(page, "Made before a restore").first).to_be_visible()
    assert is_open(page) == 3
    assert violations(page) == []


def test_a_backup_is_brought_and_deleted(page, tmp_path):
    name = made(page)
    with page.expect_download() as download:
        page.get_by_role("link", name=f"Download {name}").click()
    page.locator("[data-backup-file]").set_input_files(
        payload("mine.sqlite3", Path(download.value.path()).read_bytes())
    )
    says(page, "mine.sqlite3 was uploaded")
    brought = backups(page, "Uploaded").first
    expect(brought).to_be_visible()
    count = backups(page).count()
    brought.get_by_role("button", name=re.compile("^Delete")).click()
    dialog(page, "Delete this backup?").get_by_role("button", name="Delete").click()
    expect(backups(page)).to_have_count(count - 1)
    expect(backups(page, "Uploaded")).to_have_count(0)


def test_what_is_no_backup_is_refused_in_a_sentence(page, trouble):
    trouble.expect("answer: POST .*/api/backups/upload 422")
    page.locator("[data-backup-file]").set_input_files(payload("scan.csv", scan([1])))
    expect(page.locator("[data-data-error]")).to_contain_text("not a backup of HexTrackr")
    expect(page.get_by_role("button", name="Back up now")).to_be_enabled()


def test_clearing_asks_for_the_word(page):
    page.get_by_role("button", name="Clear everything").click()
    asked = dialog(page, "Clear everything?")
    agree, word = asked.get_by_role("button", name="Clear everything"), asked.get_by_label(re.compile("Type DELETE"))
    expect(word).to_be_focused()
    assert violations(page) == []
    for text, enabled in {"delete": False, "DELET": False, "DELETE": True}.items():
        word.fill(text)
        expect(agree).to_be_enabled(enabled=enabled)
    page.keyboard.press("Escape")
    expect(asked).to_be_hidden()
    assert is_open(page) == 3

    page.get_by_role("button", name="Clear everything").click()
    expect(word).to_have_value("")
    word.press("Enter")  # without the word it does nothing
    expect(asked).to_be_visible()
    word.fill("DELETE")
    word.press("Enter")
    says(page, "The record is empty")
    expect(backups(page, "Made before a clear").first).to_be_visible()
    assert is_open(page) == 0
    page.goto("/")
    expect(page.get_by_role("heading", name="Start with a scan")).to_be_visible()


def test_what_is_under_way_is_found_again_after_a_reload(page):
    page.get_by_role("button", name="Back up now").click()
    page.reload()
    expect(page.get_by_role("button", name="Back up now")).to_be_enabled()
    expect(page.locator("[data-maintenance]")).to_be_hidden()
