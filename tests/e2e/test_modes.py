"""A server of threads, without eventlet: a browser sees and does the same."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.modal import MANY, UNDER_WAY, choose, figures, held, is_seen_live, part, payload, reaches
from tests.support.exports import scan
from tests.support.server import Server, running

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def server(browser) -> Iterator[Server]:
    with running(ASYNC_MODE="threading") as server:
        yield server


def test_an_import_is_seen_live_and_another_one_cancelled_after_a_reload(page, server, many):
    is_seen_live(page, many, source="live")
    assert figures(page)["inserted"] == MANY
    part(page, "close").click()
    with held(server):
        choose(page, payload("held.csv", scan(range(10))), source="held")
        reaches(page, UNDER_WAY)
        page.reload()
        reaches(page, UNDER_WAY)
        part(page, "cancel").click()
        reaches(page, "cancelled")
    part(page, "close").click()
    choose(page, payload("next.csv", scan(range(10))), source="next")
    reaches(page, "completed")
    assert figures(page)["inserted"] == 10
