"""A server of threads, without eventlet: a browser sees and does the same."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.modal import choose, figures, is_seen_live, part, payload, reaches, reaches_percent
from tests.support.exports import scan
from tests.support.server import Server, running


@pytest.fixture(scope="module")
def server(browser) -> Iterator[Server]:
    with running(ASYNC_MODE="threading") as server:
        yield server


def test_an_import_is_seen_live(page, many):
    is_seen_live(page, many, source="live")


def test_a_page_that_is_loaded_anew_comes_back_to_its_import_and_can_cancel_it(page, many):
    choose(page, many, source="cancelled")
    reaches_percent(page, 1)
    page.reload()
    reaches(page, "running")
    part(page, "cancel").click()
    reaches(page, "cancelled")
    part(page, "close").click()
    choose(page, payload("next.csv", scan(range(10))), source="next")
    reaches(page, "completed")
    assert figures(page)["inserted"] == 10
