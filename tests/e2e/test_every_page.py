"""Every page, light and dark, with findings and without: nothing serious for axe, none wider than its window, none heavy."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.accessibility import violations
from tests.e2e.modal import payload
from tests.e2e.prepared import prepare
from tests.support.server import Server, running

EMPTY = {
    "dashboard": "/",
    "vulnerabilities": "/vulnerabilities",
    "trends": "/trends",
    "imports": "/imports",
    "sources": "/sources",
    "data": "/data",
    "unknown": "/nothing",
}
FILLED = EMPTY | {
    "hosts": "/vulnerabilities?group=host",
    "filters": "/vulnerabilities?ageMin=5&vprMin=7&changedBy=3",
    "host": "/hosts/1",
    "definition": "/definitions/1",
    "cve": "/cves/CVE-2024-10001",
    "import": "/imports/3",
    "failed": "/imports/4",
    "mapping": "/imports/4/mapping",
    "mappings": "/mappings",
}
#: Bytes that the first visit to a page may cost, headers and all.
MOST_BYTES = 300_000


@pytest.fixture(scope="module")
def empty(browser: Browser) -> Iterator[Server]:
    with running() as server:
        yield server


@pytest.fixture(scope="module")
def server(browser: Browser) -> Iterator[Server]:
    with running() as server:
        prepare(browser, server)
        client = browser.new_context(base_url=server.url).request
        unknown = payload("ours.csv", b"Machine;Problem;How bad\nweb1;Old TLS;High\n")
        assert client.post("/api/vulnerabilities/import", multipart={"csvFile": unknown}).status == 422
        assert client.post("/api/backups", data={}).status in (202, 501)  # PostgreSQL is backed up by its own programs
        client.dispose()
        yield server


@pytest.fixture
def opened(open_context, trouble):
    trouble.expect("answer: GET .*/nothing 404")

    def opened(server: Server, path: str, **options: object) -> Page:
        page = open_context(base_url=server.url, **options).new_page()
        page.goto(path)
        settled(page)
        return page

    return opened


def settled(page: Page) -> None:
    """Wait until nothing on the page is being loaded."""
    expect(page.locator('[data-view="loading"]:visible, [aria-busy="true"]:visible')).to_have_count(0)


@pytest.mark.parametrize(("theme", "width"), [("light", 390), ("dark", 1440)])
def test_axe_finds_nothing_serious_with_findings(opened, server, theme, width):
    page = opened(server, "/", color_scheme=theme, viewport={"width": width, "height": 900})
    found = {}
    for name, path in FILLED.items():
        page.goto(path)
        settled(page)
        found[name] = violations(page)
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width, name
    page.goto(FILLED["filters"])
    page.get_by_role("button", name="More filters").click()
    found["more filters"] = violations(page)
    page.locator("summary", has_text="Display").click()
    found["display"] = violations(page)
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious_without(opened, empty, theme):
    page = opened(empty, "/", color_scheme=theme)
    found = {}
    for name, path in EMPTY.items():
        page.goto(path)
        settled(page)
        found[name] = violations(page)
    page.close()
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_no_page_is_wider_than_the_widest_window_or_lost_in_it(opened, server):
    page = opened(server, "/", viewport={"width": 2560, "height": 1440})
    read, listed = (1000, 1800), (2500, 2560)  # widths of a page to read, and of a list
    widths = {"dashboard": read, "trends": read, "import": read, "host": listed, "vulnerabilities": listed}
    for name, (narrowest, widest) in widths.items():
        page.goto(FILLED[name])
        settled(page)
        box = page.locator("main").bounding_box()
        assert narrowest <= box["width"] <= widest
        assert box["x"] == pytest.approx((2560 - box["width"]) / 2, abs=10)


@pytest.mark.parametrize("name", [name for name in FILLED if name != "unknown"])
def test_the_first_visit_costs_less_than_300_kilobytes(opened, server, open_context, name):
    page = open_context(base_url=server.url).new_page()
    session = page.context.new_cdp_session(page)
    received: list[int] = []
    session.on("Network.loadingFinished", lambda event: received.append(event["encodedDataLength"]))
    session.send("Network.enable")
    page.goto(FILLED[name], wait_until="networkidle")
    settled(page)
    assert len(received) > 20
    assert sum(received) < MOST_BYTES


def test_the_next_visit_asks_for_no_file_again(opened, server):
    page = opened(server, "/vulnerabilities")
    page.goto("/vulnerabilities?group=host")
    settled(page)
    fetched = page.evaluate(
        "() => performance.getEntriesByType('resource').map(({ name, transferSize }) => [name, transferSize])"
    )
    files = {name: size for name, size in fetched if "/static/" in name}
    assert len(files) > 20
    assert {name: size for name, size in files.items() if size > 0} == {}
