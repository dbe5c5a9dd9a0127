"""A browser before nginx with two web processes and a worker: it notices nothing of them, nor that the one which serves it is killed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.modal import MANY, choose, figures, has_advanced, is_seen_live, reaches, reaches_percent
from tests.support.server import Server
from tests.support.skipping import skipped_without_programs
from tests.support.system import System

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def system(browser, tmp_path_factory, redis) -> Iterator[System]:
    system = System(tmp_path_factory.mktemp("system"), redis, TRUSTED_PROXIES="1")
    for _ in range(2):
        system.start_web(ALLOWED_HOSTS="127.0.0.1")
    system.start_worker()
    yield system
    system.close()


@pytest.fixture(scope="module")
def server(system) -> Server:
    with skipped_without_programs():
        return system.start_nginx()


def test_an_import_in_a_worker_is_seen_live(page, many):
    is_seen_live(page, many, source="live")
    assert figures(page)["inserted"] == MANY


def test_the_page_goes_on_when_its_web_process_is_killed(page, system, generated, trouble):
    trouble.expect("WebSocket", "/socket.io/", "/api/")
    choose(page, generated(2 * MANY), source="killed")
    reaches_percent(page, 5)
    system.kill_web(system.serving("/socket.io/?EIO=4&transport=polling"))
    reaches(page, "completed", timeout=60_000)
    assert figures(page)["inserted"] == 2 * MANY
    has_advanced(page)
