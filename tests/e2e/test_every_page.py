"""Every page with findings: nothing serious for axe in the light or in the dark, none wider than its window, none heavy."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.accessibility import fits, violations, violations_in_both_themes
from tests.support.server import Server

PAGES = {
    "dashboard": "/",
    "vulnerabilities": "/vulnerabilities",
    "hosts": "/vulnerabilities?group=host",
    "filters": "/vulnerabilities?ageMin=5&vprMin=7&changedBy=3",
    "host": "/hosts/1",
    "definition": "/definitions/1",
    "cve": "/cves/CVE-2024-10001",
    "trends": "/trends",
    "imports": "/imports",
    "import": "/imports/3",
    "failed": "/imports/4",
    "mapping": "/imports/4/mapping",
    "mappings": "/mappings",
    "sources": "/sources",
    "data": "/data",
    "unknown": "/nothing",
}
#: How wide these pages may be in a window of 2,560 pixels: some are read, some are lists.
READ, LISTED = (1000, 1800), (2500, 2560)
WIDTHS = {"dashboard": READ, "trends": READ, "import": READ, "host": LISTED, "vulnerabilities": LISTED}
#: Bytes that the first visit to a page may cost, headers and all.
MOST_BYTES = 300_000


@pytest.fixture(scope="module")
def server(prepared: Server) -> Server:
    return prepared


def settled(page: Page) -> None:
    """Wait until nothing on the page is being loaded."""
    expect(page.locator('[data-view="loading"]:visible, [aria-busy="true"]:visible')).to_have_count(0)


def test_every_page_is_accessible_and_fits_its_window(open_context, trouble):
    trouble.expect("answer: GET .*/nothing 404")
    page = open_context(viewport={"width": 390, "height": 900}).new_page()
    found = {}
    for name, path in PAGES.items():
        page.goto(path)
        settled(page)
        found[f"{name}, narrow"] = violations(page)
        page.set_viewport_size({"width": 320, "height": 640})
        fits(page)
        page.set_viewport_size({"width": 1440, "height": 900})
        found[f"{name}, wide"] = violations_in_both_themes(page)
        if name in WIDTHS:
            page.set_viewport_size({"width": 2560, "height": 1440})
            box, (narrowest, widest) = page.locator("main").bounding_box(), WIDTHS[name]
            assert narrowest <= box["width"] <= widest, name
            assert box["x"] == pytest.approx((2560 - box["width"]) / 2, abs=10), name
        page.set_viewport_size({"width": 390, "height": 900})
    page.goto(PAGES["filters"])
    page.get_by_role("button", name="More filters").click()
    found["more filters"] = violations(page)
    page.locator("summary", has_text="Display").click()
    found["display"] = violations(page)
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_a_first_visit_costs_less_than_300_kilobytes_and_the_next_one_no_file(open_context):
    page = open_context().new_page()
    session = page.context.new_cdp_session(page)
    received: list[int] = []
    session.on("Network.loadingFinished", lambda event: received.append(event["encodedDataLength"]))
    session.send("Network.enable")
    for name in ("dashboard", "imports", "import", "data", "host", "vulnerabilities"):
        session.send("Network.clearBrowserCache")
        received.clear()
        page.goto(PAGES[name], wait_until="networkidle")
        settled(page)
        assert len(received) > 20, name
        assert sum(received) < MOST_BYTES, name

    page.goto(PAGES["hosts"])
    settled(page)
    fetched = page.evaluate(
        "() => performance.getEntriesByType('resource').map(({ name, transferSize }) => [name, transferSize])"
    )
    files = {name: size for name, size in fetched if "/static/" in name}
    assert len(files) > 20
    assert {name: size for name, size in files.items() if size > 0} == {}
