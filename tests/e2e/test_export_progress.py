"""A long export shows how far it is in the corner of the page, to its end, also when it is a bad one."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.client import HTTPResponse
from pathlib import Path
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.modal import MANY, choose, reaches
from tests.support.server import Server, running


@pytest.fixture(scope="module")
def server(browser: Browser, many: Path) -> Iterator[Server]:
    with running() as server:
        context = browser.new_context(base_url=server.url)
        page = context.new_page()
        page.goto("/imports")
        choose(page, many)
        reaches(page, "completed")
        context.close()
        yield server


@pytest.fixture
def fetching(server: Server) -> Iterator[Callable[[str], HTTPResponse]]:
    """Begins to fetch everything as CSV, and reads no further than the reader does."""
    with ExitStack() as answers:

        def fetching(session: str) -> HTTPResponse:
            address = f"{server.url}/api/vulnerabilities/export.csv?sessionId={session}"
            return answers.enter_context(urlopen(address, timeout=30))

        yield fetching


def followed(page: Page, session: str):
    """The page as it comes back to an export that it has begun before."""
    page.evaluate("(session) => sessionStorage.setItem('hextrackr_exports', JSON.stringify([session]))", session)
    page.reload()
    return page.locator("export-pills .pill-item")


def test_a_long_export_is_shown_to_its_end(page, fetching):
    session = str(uuid.uuid4())
    answer = fetching(session)
    answer.read(100_000)
    pill = followed(page, session)
    expect(pill).to_have_attribute("data-state", "running")
    expect(pill).to_contain_text(re.compile(r"Exporting vulnerabilities\.csv\s*\d+% · [\d,]+ findings"))
    lines = 1 + answer.read().count(b"\n")
    assert lines > MANY // 2
    expect(pill).to_have_attribute("data-state", "completed")
    expect(pill).to_contain_text(f"{MANY:,} findings")
    expect(pill).to_have_count(0)


def test_an_export_that_is_cut_short_says_so(page, fetching):
    session = str(uuid.uuid4())
    answer = fetching(session)
    answer.read(100_000)
    pill = followed(page, session)
    expect(pill).to_have_attribute("data-state", "running")
    answer.close()
    expect(pill).to_have_attribute("data-state", "failed")
    expect(pill).to_contain_text("The download ended before the file was complete.")


def test_an_export_from_the_page_is_watched_and_whole(page):
    page.goto("/vulnerabilities?state=all")
    page.locator("summary", has_text="Export").click()
    with page.expect_download() as download:
        page.locator('[data-export="json"]:not([data-export-evidence])').click()
    [session] = re.findall("sessionId=([0-9a-f-]{36})", download.value.url)
    assert len(json.loads(Path(download.value.path()).read_text(encoding="utf-8"))) == MANY
    told = page.request.get(f"/api/progress/{session}").json()
    assert (told["status"], told["metadata"]["findings"]) == ("completed", MANY)
