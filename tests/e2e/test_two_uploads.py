"""Imports that come at once are done one after the other, each with the right figures."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from benchmarks.server import Server, running
from tests.e2e.modal import MANY, choose, figures, payload, reaches, reaches_percent, row_of, shown
from tests.exports import scan


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


def test_several_files_chosen_together_are_all_imported(page):
    names = ["one.csv", "two.csv", "three.csv"]
    # additions only: each of them is a part of the scan
    page.locator(".options > summary").click()
    page.get_by_label("Leave open").check()
    files = [payload(name, scan(range(20 * turn, 20 * turn + 20))) for turn, name in enumerate(names)]
    choose(page, files, source="several")
    for name in names:
        row = row_of(page, name)
        expect(row).to_have_attribute("data-state", "completed", timeout=30_000)
        expect(row.locator('[data-field="inserted"]')).to_have_text("20")
