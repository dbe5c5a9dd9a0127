"""What the pages cost a reader: bytes and requests of a first visit, the largest contentful paint, and what moves while they load;
and how soon the list of findings shows what was asked for.

    python -m benchmarks.pages                    # an export of 1,000 findings in a new record
    python -m benchmarks.pages --instance /data   # a record that is there, such as one of a million findings
    python -m benchmarks.pages --only interactions

The browser is Chromium on this machine, with nothing in its cache; each figure of a visit is the median of the visits. An interaction is
measured inside the page, from its event to the frame with the new rows, so that what drives the browser costs nothing.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any
from urllib.request import urlopen

from playwright.sync_api import Browser, Page, sync_playwright

from tests.support import ROOT, chromium
from tests.support.generator import Estate, write
from tests.support.server import Server, running

WIDTHS = (1440, 390)
#: Takes down the largest paint, in ms since the visit began, and the sum of all layout shifts.
_OBSERVE = """
window.paint = 0; window.moved = 0;
new PerformanceObserver((list) => list.getEntries().forEach((entry) => { window.paint = entry.startTime; }))
  .observe({ type: "largest-contentful-paint", buffered: true });
new PerformanceObserver((list) => list.getEntries().forEach((entry) => { if (!entry.hadRecentInput) window.moved += entry.value; }))
  .observe({ type: "layout-shift", buffered: true });
"""
#: Begins to measure: the time in ms from the next event of a kind until the page has painted the rows or the finding it asked for, how
#: much of it was spent on the request, and what has moved meanwhile.
_MEASURE = """
(kind) => {
  let began, moved = 0;
  addEventListener(kind, ({ timeStamp }) => { began = timeStamp; }, { capture: true, once: true });
  const shifts = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) moved += entry.value;
  });
  shifts.observe({ type: "layout-shift" });
  performance.clearResourceTimings();
  window.measured = new Promise((resolve) => {
    const shown = new MutationObserver(() => {
      if (began === undefined) return;
      shown.disconnect();
      requestAnimationFrame(() => {
        const { port1, port2 } = new MessageChannel(); // its message arrives once the frame is painted
        port1.onmessage = () => {
          const took = performance.now() - began;
          const requests = performance.getEntriesByType("resource").filter(({ startTime }) => startTime >= began);
          const request = Math.max(0, ...requests.map(({ startTime, responseEnd }) => responseEnd - startTime));
          requestAnimationFrame(() => requestAnimationFrame(() => { shifts.disconnect(); resolve([took, request, moved]); }));
        };
        port2.postMessage(null);
      });
    });
    for (const list of document.querySelectorAll("[data-findings-list], [data-groups-list], [data-panel-history]")) {
      shown.observe(list, { childList: true });
    }
  });
}
"""


def pages(server: Server) -> Iterator[tuple[str, str]]:
    """Name and path of every page that has something to show."""
    [finding] = _asked(server, "/api/vulnerabilities?limit=1")["data"]
    [last] = _asked(server, "/api/imports?limit=1")["data"]
    yield from {
        "dashboard": "/",
        "findings": "/vulnerabilities",
        "by host": "/vulnerabilities?group=host",
        "by vulnerability": "/vulnerabilities?group=definition",
        "by CVE": "/vulnerabilities?group=cve",
        "host": f"/hosts/{finding['hostId']}",
        "vulnerability": f"/definitions/{finding['definitionId']}",
        **({"CVE": f"/cves/{finding['cves'][0]}"} if finding["cves"] else {}),
        "imports": "/imports",
        "one import": f"/imports/{last['importId']}",
        "data": "/data",
    }.items()


def visit(browser: Browser, url: str, width: int) -> tuple[float, float, int, int]:
    """Largest contentful paint in ms, sum of shifts, bytes with headers, requests."""
    context = browser.new_context(viewport={"width": width, "height": 900})
    context.add_init_script(_OBSERVE)
    page = context.new_page()
    session = context.new_cdp_session(page)
    received: list[int] = []
    session.on("Network.loadingFinished", lambda event: received.append(int(event["encodedDataLength"])))
    session.send("Network.enable")
    page.goto(url, wait_until="networkidle")
    paint, moved = page.evaluate("() => [window.paint, window.moved]")
    context.close()
    return paint, moved, sum(received), len(received)


def _show_visits(browser: Browser, server: Server, visits: int) -> None:
    print("| page | width | largest paint, ms | moved | kB | requests |\n|---|---:|---:|---:|---:|---:|")
    for name, path in pages(server):
        for width in WIDTHS:
            figures = [visit(browser, server.url + path, width) for _ in range(visits)]
            paint, moved, size, requests = (median(values) for values in zip(*figures, strict=True))
            print(f"| {name} | {width} | {paint:.0f} | {moved:.3f} | {size / 1000:.0f} | {requests:.0f} |")


def interactions(page: Page) -> Iterator[tuple[str, str, Callable[[], object]]]:
    """What a reader does with the list of findings: its name, the kind of event, and how to do it; each goes on from the one before."""

    def pressed(name: str) -> Callable[[], object]:
        return lambda: page.get_by_role("button", name=name, exact=True).first.click()

    def chosen(severity: str) -> Callable[[], object]:
        return lambda: page.locator("[data-filter-severity]").select_option(severity)

    def typed(text: str) -> Callable[[], object]:
        return lambda: page.locator("[data-filter-search]").fill(text)

    yield from (("filter by severity", "change", chosen(severity)) for severity in ("critical", "high", ""))
    yield from (("search", "input", typed(text)) for text in ("ssl", "10.0", "host-1", ""))
    yield from (("next page", "click", pressed("Next")) for _ in range(3))
    yield from (("sort", "click", pressed(column)) for column in ("CVSS", "VPR", "First seen", "Host", "Vulnerability"))
    for group in ("Hosts", "Vulnerabilities", "CVEs", "Families", "Systems", "Sources"):
        yield f"group by {group}", "click", pressed(group)
    yield "back to findings", "click", pressed("Findings")
    yield "open a finding", "click", lambda: page.locator("[data-open-finding]").first.click()
    yield from (("next finding", "click", pressed("Next finding")) for _ in range(3))


def measured(page: Page, kind: str, act: Callable[[], object]) -> tuple[float, float, float]:
    """Time until it was painted and time of the request, in ms, and the sum of the layout shifts."""
    page.evaluate(_MEASURE, kind)
    act()
    took, request, moved = page.evaluate("() => window.measured")
    page.wait_for_load_state("networkidle")
    return took, request, moved


def _show_interactions(browser: Browser, server: Server, rounds: int) -> None:
    times: dict[str, list[tuple[float, float, float]]] = {}
    for _ in range(rounds):
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(server.url + "/vulnerabilities", wait_until="networkidle")
        for name, kind, act in interactions(page):
            times.setdefault(name, []).append(measured(page, kind, act))
        page.close()
    print("\n| interaction | median, ms | worst, ms | request, ms | moved |\n|---|---:|---:|---:|---:|")
    for name, figures in times.items():
        took, request, moved = zip(*figures, strict=True)
        print(f"| {name} | {median(took):.0f} | {max(took):.0f} | {median(request):.0f} | {max(moved):.3f} |")


def _asked(server: Server, path: str) -> Any:
    with urlopen(server.url + path) as answer:  # noqa: S310 (our own server)
        return json.load(answer)


def _prepare(instance: Path) -> None:
    export = instance / "scan.csv"
    with export.open("w", encoding="utf-8", newline="") as stream:
        write(stream, Estate(1_000))
    environment = {"INSTANCE_PATH": str(instance), "PATH": ""}
    for command in (["db", "upgrade"], ["import-csv", str(export)]):
        subprocess.run(
            [sys.executable, "-m", "flask", *command], cwd=ROOT, env=environment, check=True, capture_output=True
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instance", type=Path)
    parser.add_argument("--visits", type=int, default=3)
    parser.add_argument("--only", choices=("visits", "interactions"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        instance = options.instance or Path(folder)
        if options.instance is None:
            _prepare(instance)
        browser = chromium.launch(playwright)
        with running(instance=instance, API_RATE_LIMIT="off") as server:
            if options.only != "interactions":
                _show_visits(browser, server, options.visits)
            if options.only != "visits":
                _show_interactions(browser, server, options.visits)
        browser.close()


if __name__ == "__main__":
    main()
