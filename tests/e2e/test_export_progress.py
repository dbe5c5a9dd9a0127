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
from playwright.sync_api import Locator, Page, expect

from tests.e2e.modal import MANY
from tests.support.client import upload
from tests.support.server import Server


@pytest.fixture(scope="module")
def source(server: Server, many: Path) -> int:
    """The number of a source whose export is too long for the buffers of a connection."""
    status, answer = upload(server, many.read_bytes(), source="exported")
    assert status == 200
    with urlopen(f"{server.url}/api/imports/{answer['importId']}", timeout=30) as imported:
        source: int = json.load(imported)["sourceId"]
        return source


@pytest.fixture
def fetching(server: Server, source: int) -> Iterator[Callable[[str], HTTPResponse]]:
    """Begins to fetch the source as CSV, and reads no further than the reader does."""
    with ExitStack() as answers:

        def fetching(session: str) -> HTTPResponse:
            address = f"{server.url}/api/vulnerabilities/export.csv?source={source}&sessionId={session}"
            return answers.enter_context(urlopen(address, timeout=30))

        yield fetching


def followed(page: Page, session: str) -> Locator:
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


def test_an_export_that_is_cut_short_says_so(page, fetching):
    session = str(uuid.uuid4())
    answer = fetching(session)
    answer.read(100_000)
    pill = followed(page, session)
    expect(pill).to_have_attribute("data-state", "running")
    answer.close()
    expect(pill).to_have_attribute("data-state", "failed")
    expect(pill).to_contain_text("The download ended before the file was complete.")
