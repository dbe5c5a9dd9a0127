"""An import that would resolve most of its source asks first."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from benchmarks.server import Server, running
from tests.e2e.modal import choose, figures, findings_of, modal, part, payload, reaches, row_of
from tests.exports import scan


@pytest.fixture(scope="module")
def server(browser) -> Iterator[Server]:
    with running() as server:
        yield server


def ask(page: Page, source: str) -> None:
    """Import 100 findings, then a file with 10 of them."""
    choose(page, payload("hundred.csv", scan(range(100))), source=source)
    reaches(page, "completed")
    part(page, "close").click()
    choose(page, payload("ten.csv", scan(range(10))))
    reaches(page, "awaiting")
    expect(part(page, "message")).to_contain_text("would resolve 90 of 100 open findings")


def test_who_confirms_lets_it_go_on(page):
    ask(page, "confirmed")
    part(page, "confirm").click()
    reaches(page, "completed")
    assert figures(page) == {
        "inserted": 0, "updated": 0, "reopened": 0, "resolved": 90, "unchanged": 10, "rejected": 0
    }  # fmt: skip
    assert sum(finding["state"] == "resolved" for finding in findings_of(page, "confirmed")) == 90


def test_who_cancels_leaves_everything_as_it_was(page):
    ask(page, "declined")
    part(page, "cancel").click()
    reaches(page, "cancelled")
    states = [finding["state"] for finding in findings_of(page, "declined")]
    assert states == ["active"] * 100


def test_who_decides_later_finds_the_question_again(page):
    ask(page, "later")
    expect(part(page, "close")).to_have_text("Decide later")
    part(page, "close").click()
    expect(modal(page)).to_be_hidden()
    pill = page.locator("[data-progress-pill] button")
    expect(pill).to_contain_text("Needs your confirmation")
    page.reload()
    expect(pill).to_contain_text("Needs your confirmation")
    row_of(page, "ten.csv").get_by_role("button", name="Review").click()
    reaches(page, "awaiting")
    part(page, "confirm").click()
    reaches(page, "completed")
    assert figures(page)["resolved"] == 90
