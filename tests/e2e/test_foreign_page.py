"""A page of another origin imports the client of the socket, and follows an import with it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser, Error, Page

from tests.e2e.modal import payload
from tests.e2e.trouble import Trouble
from tests.support.exports import scan
from tests.support.server import Server, running

MODULE = "/scripts/shared/websocket-client.js"
FOLLOW = """async ([module, sessionId]) => {
    const { default: WebSocketClient } = await import(module);
    const client = new WebSocketClient();
    client.on("progressStatus", () => {
        throw new Error("broken");
    });
    const snapshot = new Promise((resolve) => client.on("progressStatus", resolve));
    client.emit("join-progress", sessionId);
    await client.connect();
    const { status } = await snapshot;
    client.disconnect();
    return status;
}"""


class EmptyPage(BaseHTTPRequestHandler):
    """Answers every request with a page without anything in it."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><link rel=icon href=data:,><title>Another page</title>")

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Where the other page is served."""
    with ThreadingHTTPServer(("127.0.0.1", 0), EmptyPage) as other:
        threading.Thread(target=other.serve_forever).start()
        yield other.server_port
        other.shutdown()


@pytest.fixture(scope="module")
def server(browser: Browser, port: int) -> Iterator[Server]:
    """A server that allows the other page if it is asked for as ``localhost``."""
    with running(CORS_ORIGINS=f"http://localhost:{port}") as server:
        yield server


@pytest.fixture
def page(browser: Browser, trouble: Trouble) -> Iterator[Page]:
    page = browser.new_page()
    trouble.watch(page)
    yield page
    page.close()


def test_a_page_of_an_allowed_origin_follows_an_import(page, port, server, trouble):
    """And a listener of its own that throws keeps no other from its events."""
    trouble.expect("a listener failed")
    form = {"csvFile": payload("scan.csv", scan([1, 2]))}
    imported = page.request.post(f"{server.url}/api/vulnerabilities/import", multipart=form).json()
    page.goto(f"http://localhost:{port}/")
    assert page.evaluate(FOLLOW, [server.url + MODULE, imported["sessionId"]]) == "completed"


def test_a_page_of_any_other_origin_does_not_get_it(page, port, server, trouble):
    trouble.expect("CORS policy", "ERR_FAILED")
    page.goto(f"http://127.0.0.1:{port}/")
    with pytest.raises(Error, match="Failed to fetch dynamically imported module"):
        page.evaluate(FOLLOW, [server.url + MODULE, "of-nobody"])
