"""The questions of a Monday, each answered in at most two clicks from the dashboard."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.modal import fetched
from tests.e2e.prepared import BACK, FIXED, GONE, HOSTS, NEW, OPEN, info, named, of_kind, rows
from tests.support.server import Server


@pytest.fixture(scope="module")
def server(prepared: Server) -> Server:
    return prepared


@pytest.fixture
def page(context) -> Page:
    page = context.new_page()
    dashboard(page)
    return page


def dashboard(page: Page) -> None:
    page.goto("/")
    for panel in ("last-changes", "trend-card", "response-times", "oldest-list", "latest-imports", "source-list"):
        expect(page.locator(panel)).to_have_attribute("data-view", "list")


CRITICAL, HIGH = of_kind(0), of_kind(1)
LATEST = "[data-latest-rows] li:has-text('{}') [data-latest='{}']"
#: Question -> the link that answers it, and the hosts of the findings that are then listed.
LINKS = {
    "what is back": ("[data-change='reopened'] a", BACK),
    "what got better": ("[data-change='resolved'] a", FIXED),
    "what did the last scan change": ("trend-card [data-legend-link]", [*BACK, *FIXED, *NEW]),
    "what is critical for too long": ("[data-overdue] a", CRITICAL),
    "how long did high ones take": ("[data-time='high'] a", of_kind(1, GONE)),
    "what did import 2 resolve": (LATEST.format("scan-2.csv", "resolved"), GONE),
    "what did import 3 bring": (LATEST.format("scan-3.csv", "opened"), NEW),
    "the oldest open criticals": ("oldest-list >> text=All", CRITICAL),
    "what is open in Berlin": ("[data-source-name]", OPEN),
}
#: Question -> the clicks, and the hosts of the findings that are then listed.
CLICKS = {
    "what is new": (["[data-change='opened']"], NEW),
    "what is critical": (["[data-stat='critical']"], CRITICAL),
    "on which hosts is the worst": (["worst-list[data-by=definition] [data-group-name] >> nth=0"], CRITICAL),
    "what is on the worst host": (["worst-list[data-by=host] [data-group-name] >> nth=0"], [0]),
    "what did import 2 resolve, by its own page": (
        ["[data-latest-rows] a:has-text('scan-2.csv')", "[data-total-of='resolved'] a"], GONE,
    ),
}  # fmt: skip


def lists(page: Page, hosts: Iterable[int]) -> None:
    """The list holds the findings of these hosts, all on one page or as many as it has room for."""
    hosts = list(hosts)
    expect(info(page)).to_have_text(f"1–{min(50, len(hosts))} of {len(hosts)}")
    expect(rows(page)).to_have_count(min(50, len(hosts)))
    # The cell is there on a host's own page as well, where it need not be seen.
    shown = [name.strip() for name in rows(page).locator('[data-field="host"]').all_text_contents()]
    assert set(shown) <= set(named(hosts))
    assert len(set(shown)) == len(shown)


def test_a_question_takes_two_clicks_at_most(page):
    for question, (place, hosts) in LINKS.items():
        address = urlsplit(page.locator(place).first.get_attribute("href"))
        assert address.path == "/vulnerabilities", question
        asked = {"state": "open", **dict(parse_qsl(address.query))}
        if asked["state"] == "all":
            del asked["state"]
        found = fetched(page, f"/api/vulnerabilities?limit=500&{urlencode(asked)}")["data"]
        assert sorted(finding["host"] for finding in found) == sorted(named(hosts)), question
    expect(page.locator("[data-oldest-host]")).to_have_text(named(CRITICAL[:-7:-1]))

    for places, hosts in CLICKS.values():
        assert len(places) <= 2
        for place in places:
            page.locator(place).click()
        lists(page, hosts)
        dashboard(page)
    page.get_by_placeholder("Host, IP, CVE or title").fill("CVE-2024-10001")
    page.keyboard.press("Enter")
    lists(page, HIGH)
    page.get_by_role("link", name="CVE-2024-10001").first.click()
    expect(page.locator('[data-entity-figure="openHosts"]')).to_have_text(str(len(HIGH)))
    lists(page, HIGH)


def test_what_is_new_since_a_day_or_the_last_visit(page):
    period = page.get_by_label("Since when")
    period.select_option("30")
    expect(page.locator('[data-change="resolved"] [data-change-count]')).to_have_text(str(len(GONE) + len(FIXED)))
    expect(page.locator('[data-change="opened"] [data-change-count]')).to_have_text(str(len(NEW)))
    page.get_by_role("button", name="What it counts: New").press("Enter")
    expect(page.get_by_role("note", name="New")).to_contain_text("first scan of a source")
    page.keyboard.press("Escape")
    expect(page.get_by_role("note", name="New")).to_be_hidden()
    page.get_by_role("link", name="60 findings of a source scanned for the first time").click()
    lists(page, HOSTS)

    dashboard(page)
    expect(period.locator('[value="visit"]')).to_be_disabled()
    page.evaluate("""() => {
        const visit = { last: { at: Date.now() - 86_400_000, imported: 0 }, before: null };
        localStorage.setItem("hextrackr_visit_", JSON.stringify(visit));
    }""")
    page.reload()
    period.select_option("visit")
    expect(page.locator("[data-change-days]")).to_contain_text("Imports since")
    page.reload()  # within the same visit, and the choice is remembered
    expect(page.locator("[data-change-days]")).to_contain_text("Imports since")
    page.locator('[data-change="resolved"]').click()
    lists(page, [*GONE, *FIXED])


def test_the_chart_is_read_by_keys_and_the_weeks_lead_to_what_they_count(page):
    chart = page.get_by_role("slider", name="Open findings by day")
    expect(chart).to_have_attribute("aria-valuetext", re.compile(f"{len(OPEN)} open"))
    chart.press("Home")
    expect(chart).to_have_attribute("aria-valuetext", re.compile("60 open, of these 12 critical"))
    expect(page.locator("trend-card [data-legend-value=total]")).to_have_text("60")
    chart.press("ArrowRight")
    expect(page.locator("trend-card [data-legend-value=total]")).to_have_text("55")
    chart.press("Enter")
    lists(page, GONE)

    page.get_by_role("link", name="Trends").click()
    weeks = page.locator("weeks-card")
    weeks.locator("summary").click()
    weeks.locator("tbody tr").filter(has_text="5").get_by_role("link", name=str(len(GONE)), exact=True).first.click()
    lists(page, GONE)
