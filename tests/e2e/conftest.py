"""A real Chromium before a real server: gunicorn with its eventlet worker, on a port and a database of its own.

A test fails when the page met trouble that the test has not said to expect: an error in the console, a script that threw,
a violation of the content security policy, a request that failed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.e2e.modal import MANY, UPLOAD_LIMIT
from tests.e2e.prepared import prepare
from tests.e2e.trouble import Trouble
from tests.support import chromium
from tests.support.generator import Estate, write
from tests.support.server import Server, running

expect.set_options(timeout=20_000)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if chromium.PROGRAM is None:
        pytest.skip(
            "no Chromium on this machine: the browser tests need the program `chromium-headless-shell` or `chromium`"
        )
    with sync_playwright() as playwright:
        browser = chromium.launch(playwright)
        yield browser
        browser.close()


class EmptyPage(BaseHTTPRequestHandler):
    """Answers every request with a page without anything in it."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><link rel=icon href=data:,><title>Another page</title>")

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture(scope="session")
def other_site() -> Iterator[int]:
    """The port of another site: ``server`` allows its pages if they are fetched from ``localhost``."""
    with ThreadingHTTPServer(("127.0.0.1", 0), EmptyPage) as other:
        threading.Thread(target=other.serve_forever).start()
        yield other.server_port
        other.shutdown()


@pytest.fixture(scope="session")
def server(browser: Browser, other_site: int) -> Iterator[Server]:
    """One server for all tests that change its record, each with sources and files of its own, and no import left unfinished."""
    with running(CORS_ORIGINS=f"http://localhost:{other_site}", UPLOAD_MAX_BYTES=str(UPLOAD_LIMIT)) as server:
        yield server


@pytest.fixture(scope="session")
def prepared(browser: Browser) -> Iterator[Server]:
    """A server with the record of :mod:`tests.e2e.prepared`, for tests that only look at it."""
    with running() as server:
        prepare(browser, server)
        yield server


@pytest.fixture
def trouble() -> Iterator[Trouble]:
    trouble = Trouble()
    yield trouble
    assert trouble.unexpected() == []


@pytest.fixture
def open_context(browser: Browser, server: Server, trouble: Trouble) -> Iterator[Callable[..., BrowserContext]]:
    """Opens a browser profile; its keywords are those of ``browser.new_context``."""
    contexts = []

    def open_context(**options: object) -> BrowserContext:
        context = browser.new_context(**{"base_url": server.url, "reduced_motion": "reduce", **options})
        context.set_default_timeout(20_000)
        context.add_init_script(path=Path(__file__).with_name("record.js"))
        context.on("page", trouble.watch)
        contexts.append(context)
        return context

    yield open_context
    for context in contexts:
        context.close()


@pytest.fixture
def context(open_context: Callable[..., BrowserContext]) -> BrowserContext:
    return open_context()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """The imports page, freshly opened."""
    page = context.new_page()
    page.goto("/imports")
    return page


@pytest.fixture(scope="session")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A generated export with so many rows; the same one each time it is asked for."""
    folder = tmp_path_factory.mktemp("exports")

    def export(rows: int) -> Path:
        path = folder / f"scan-{rows}.csv"
        if not path.exists():
            with path.open("w", encoding="utf-8", newline="") as stream:
                write(stream, Estate(rows))
        return path

    return export


@pytest.fixture(scope="session")
def many(generated: Callable[..., Path]) -> Path:
    """An export of ``MANY`` rows."""
    return generated(MANY)
