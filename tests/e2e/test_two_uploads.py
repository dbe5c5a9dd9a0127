"""Imports that come at once are done one after the other, each with the right figures."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.e2e.modal import MANY, choose, figures, modal, part, payload, reaches, reaches_percent, row_of, shown
from tests.support.exports import scan
from tests.support.server import Server, running


@pytest.fixture(scope="module")
def server(browser) -> Iterator[Server]:
    with running() as server:
        yield server


def test_of_two_uploads_from_two_pages_one_waits_and_says_so(page, open_context, many):
    other = open_context().new_page()
    other.goto("/imports")
    choose(page, many, source="first")
    reaches_percent(page, 1)
    choose(other, payload("second.csv", scan(range(50))), source="second")
    reaches(page, "completed")
    reaches(other, "completed")
    assert figures(page)["inserted"] == MANY
    assert figures(other)["inserted"] == 50
    assert any("Waiting for another import" in moment["message"] for moment in shown(other))


def leave_open(page):
    """Choose that files only add: each of them is a part of the scan."""
    page.locator(".options > summary").click()
    page.get_by_label("Leave the others open").check()


def test_several_files_chosen_together_are_all_imported(page):
    names = ["one.csv", "two.csv", "three.csv"]
    leave_open(page)
    files = [payload(name, scan(range(20 * turn, 20 * turn + 20))) for turn, name in enumerate(names)]
    choose(page, files, source="several")
    for name in names:
        row = row_of(page, name)
        expect(row).to_have_attribute("data-state", "completed", timeout=30_000)
        expect(row.locator('[data-field="inserted"]')).to_have_text("20")


def exported(path, content, day):
    """A file that was last written on this day of a month."""
    path.write_bytes(content)
    os.utime(path, (86_400 * day, 86_400 * day))
    return path


def test_of_several_files_the_oldest_is_imported_first_however_long_it_takes_to_send(page, tmp_path, many):
    older = exported(tmp_path / "z.csv", many.read_bytes(), 1)
    newer = exported(tmp_path / "a.csv", scan(range(30)), 8)
    leave_open(page)
    choose(page, [newer, older], source="weeks")
    expect(part(page, "filename")).to_have_text("z.csv")
    reaches(page, "completed")
    for name in ("z.csv", "a.csv"):
        expect(row_of(page, name)).to_have_attribute("data-state", "completed", timeout=30_000)
    numbers = {name: int(row_of(page, name).get_attribute("data-import-id")) for name in ("z.csv", "a.csv")}
    assert numbers["z.csv"] < numbers["a.csv"]


def test_a_file_that_waits_for_another_to_be_sent_can_be_cancelled(page, tmp_path, many):
    first = exported(tmp_path / "early.csv", many.read_bytes(), 1)
    second = exported(tmp_path / "middle.csv", scan(range(30)), 2)
    third = exported(tmp_path / "late.csv", scan(range(40)), 3)
    leave_open(page)
    held = []
    page.route("**/api/vulnerabilities/import-staging", lambda route: held.append(route), times=1)
    choose(page, [first, second, third], source="cancelled")
    expect(part(page, "filename")).to_have_text("early.csv")
    while not held:
        page.wait_for_timeout(20)
    page.keyboard.press("Escape")
    page.locator("import-pills button", has_text="middle.csv").click()
    expect(part(page, "message")).to_have_text("Waiting for other files to be sent…")
    part(page, "cancel").click()
    reaches(page, "cancelled")
    part(page, "close").click()
    expect(modal(page)).to_be_hidden()
    held.pop().continue_()
    for name in ("early.csv", "late.csv"):
        expect(row_of(page, name)).to_have_attribute("data-state", "completed", timeout=30_000)
    expect(row_of(page, "middle.csv")).to_have_count(0)
