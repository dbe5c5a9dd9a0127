"""What the pages cost a reader: bytes and requests of a first visit, the largest contentful paint, and what moves while they load.

    python -m benchmarks.pages                    # an export of 1,000 findings in a new record
    python -m benchmarks.pages --instance /data   # a record that is there, such as one of a million findings

The browser is Chromium on this machine, with nothing in its cache; each figure is the median of the visits.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any
from urllib.request import urlopen

from playwright.sync_api import Browser, sync_playwright

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
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        instance = options.instance or Path(folder)
        if options.instance is None:
            _prepare(instance)
        browser = chromium.launch(playwright)
        with running(instance=instance, API_RATE_LIMIT="off") as server:
            print("| page | width | largest paint, ms | moved | kB | requests |\n|---|---:|---:|---:|---:|---:|")
            for name, path in pages(server):
                for width in WIDTHS:
                    visits = [visit(browser, server.url + path, width) for _ in range(options.visits)]
                    paint, moved, size, requests = (median(values) for values in zip(*visits, strict=True))
                    print(f"| {name} | {width} | {paint:.0f} | {moved:.3f} | {size / 1000:.0f} | {requests:.0f} |")
        browser.close()


if __name__ == "__main__":
    main()
