"""A record for the browser to look at: three scans of Berlin, the last of them a few days ago, what there is to find in it, and where."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, timedelta

from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.e2e.modal import bring, payload
from tests.support.exports import export, row
from tests.support.server import Server

SEVERITIES = ("Critical", "High", "Medium", "Low", "Info")
#: Days ago of the three scans.
SCANS = (21, 14, 2)
#: The second scan misses the first five hosts; the third has one of these again and two that are new, and misses the last one.
HOSTS = tuple(range(60))
GONE, BACK, NEW, FIXED = HOSTS[:5], HOSTS[:1], (90, 91), HOSTS[-1:]
OPEN = (*BACK, *HOSTS[5:-1], *NEW)


def day(ago: int) -> str:
    """The day so many days ago."""
    return (date.today() - timedelta(days=ago)).isoformat()


def finding(host: int, scanned: int) -> dict[str, str]:
    """The finding of a host in a scan so many days ago; each fifth is critical, and hosts of one severity have one plugin."""
    kind = host % 5
    return row(
        host=f"host-{host}", asset_name=f"web{host:02}", asset_display_ipv4_address=f"10.0.0.{host}", severity=SEVERITIES[kind],
        plugin=str(1000 + kind), title=f"Flaw of kind {kind}", cve=f"CVE-2024-1000{kind}", vpr=f"{9 - kind}.5", port=str(8000 + kind),
        first_observed=f"{day(100 + host)}T08:00:00.000Z", last_seen=f"{day(scanned)}T03:00:00.000Z", description=f"Kind {kind} is bad.",
    )  # fmt: skip


def scans() -> list[bytes]:
    """The exports, the oldest first."""
    first, second, third = SCANS
    return [
        export(finding(host, first) for host in HOSTS),
        export(finding(host, second) for host in HOSTS[5:]),
        export(finding(host, third) for host in OPEN),
    ]


def prepare(browser: Browser, server: Server) -> None:
    """Make the record: the scans as ``scan-1.csv`` and so on, a file that no format knows, and a backup."""
    context = browser.new_context(base_url=server.url)
    for number, content in enumerate(scans(), 1):
        bring(context.request, f"scan-{number}.csv", content, source="Berlin")
    unknown = payload("ours.csv", b"Machine;Problem;How bad\nweb1;Old TLS;High\n")
    assert context.request.post("/api/vulnerabilities/import", multipart={"csvFile": unknown}).status == 422
    backup = context.request.post("/api/backups", data={})
    assert backup.status in (202, 501)  # PostgreSQL is backed up by its own programs
    context.close()


def of_kind(kind: int, hosts: Collection[int] = OPEN) -> list[int]:
    """Those of these hosts whose finding is of this kind."""
    return [host for host in hosts if host % 5 == kind]


def named(hosts: Iterable[int]) -> list[str]:
    """The names of hosts, in their order."""
    return [f"web{host:02}" for host in hosts]


def listed(context: BrowserContext) -> Page:
    """The list of findings, freshly opened, with as many as a page of it has room for."""
    page = context.new_page()
    page.goto("/vulnerabilities")
    expect(rows(page)).to_have_count(50)
    return page


def rows(page: Page) -> Locator:
    """The findings that are listed."""
    return page.locator("[data-finding-id]")


def info(page: Page) -> Locator:
    """Which of how many they are."""
    return page.locator("[data-page-info]")
