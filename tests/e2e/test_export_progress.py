"""A long export shows how far it is in the corner of the page, to its end, also when it is a bad one."""

from __future__ import annotations

import json
import re
import socket
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPResponse
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


@contextmanager
def fetching(server: Server, path: str) -> Iterator[HTTPResponse]:
    """Fetch over a connection that takes in little ahead of its reader, so that the server waits for who does not read on."""
    connection = HTTPConnection(server.address)
    connection.sock = socket.socket()
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    connection.sock.connect((connection.host, connection.port))
    with closing(connection):
        connection.request("GET", path)
        yield connection.getresponse()


def followed(page: Page, session: str) -> Locator:
    """The page as it comes back to an export that it has begun before."""
    page.evaluate("(session) => sessionStorage.setItem('hextrackr_exports', JSON.stringify([session]))", session)
    page.reload()
    return page.locator("export-pills .pill-item")


@pytest.mark.parametrize("whole", [True, False])
def test_a_long_export_is_shown_to_its_end(page, server, source, whole):
    session = str(uuid.uuid4())
    with fetching(server, f"/api/vulnerabilities/export.csv?source={source}&sessionId={session}") as answer:
        answer.read(100_000)
        pill = followed(page, session)
        expect(pill).to_have_attribute("data-state", "running")
        expect(pill).to_contain_text(re.compile(r"Exporting vulnerabilities\.csv\s*\d+% · [\d,]+ findings"))
        if whole:
            assert answer.read().count(b"\n") > MANY // 2
    if whole:
        expect(pill).to_have_attribute("data-state", "completed")
        expect(pill).to_contain_text(f"{MANY:,} findings")
    else:
        expect(pill).to_have_attribute("data-state", "failed")
        expect(pill).to_contain_text("The download ended before the file was complete.")
