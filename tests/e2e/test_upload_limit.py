"""A file over the server's limit: the page says so before it sends it, and understands the server when it says so."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.e2e.modal import choose, fetched, figures, part, payload, reaches, sheet, show
from tests.support.exports import scan
from tests.support.server import Server, running

FORGET_THE_LIMIT = """
    new MutationObserver(() => document.querySelector("import-sheet")?.removeAttribute("data-max-bytes"))
        .observe(document, { childList: true, subtree: true });
"""
BIG = payload("big.csv", scan([1], description="x" * 5_600_000))


@pytest.fixture(scope="module")
def server(browser) -> Iterator[Server]:
    with running(UPLOAD_MAX_BYTES="1000000") as server:
        yield server


def test_the_page_refuses_it_without_sending_it(page):
    show(page, BIG)
    expect(sheet(page).locator('[data-field="problem"]')).to_contain_text("The file is too large: it has 5.6 MB")
    expect(sheet(page).locator("[data-sheet-import]")).to_be_hidden()


def test_the_answer_of_the_server_is_shown(page, trouble):
    trouble.expect("answer: POST .*/import-staging 413")
    page.add_init_script(FORGET_THE_LIMIT)
    page.reload()
    choose(page, BIG)
    reaches(page, "failed")
    expect(part(page, "error")).to_have_text("The file is larger than this server accepts.")
    expect(part(page, "error-code")).to_have_text("UPLOAD_TOO_LARGE")
    part(page, "close").click()
    assert fetched(page, "/api/imports")["pagination"]["total"] == 0

    choose(page, payload("small.csv", scan(range(10))))
    reaches(page, "completed")
    assert figures(page)["inserted"] == 10
