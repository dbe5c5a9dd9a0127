"""The questions of a Monday, each answered in at most two clicks from the dashboard."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.prepared import BACK, FIXED, GONE, HOSTS, NEW, OPEN, counted, info, rows
from tests.support.server import Server, running


@pytest.fixture(scope="module")
def server(prepared: Server) -> Server:
    return prepared


@pytest.fixture
def page(context) -> Page:
    page = context.new_page()
    page.goto("/")
    expect(page.locator("last-changes")).to_have_attribute("data-view", "list")
    return page


def named(hosts) -> list[str]:
    return sorted(f"web{host:02}" for host in hosts)


ROW = "[data-latest-rows] li:has-text('{}') [data-latest='{}']"
#: Question -> the clicks, and the hosts of the findings that are then listed.
QUESTIONS = {
    "what is new": (['[data-change="opened"]'], NEW),
    "what is new since last week": (['[data-new-for="7"]'], NEW),
    "what is new since last month": (['[data-new-for="30"]'], [*HOSTS, *NEW]),
    "what is back": (['[data-change="reopened"]'], BACK),
    "what got better": (['[data-change="resolved"]'], FIXED),
    "what did import 2 resolve": ([ROW.format("scan-2.csv", "resolved")], GONE),
    "what did import 3 bring": ([ROW.format("scan-3.csv", "opened")], NEW),
    "what did import 2 resolve, by its own page": (
        ["[data-latest-rows] a:has-text('scan-2.csv')", '[data-total-of="resolved"] a'], GONE,
    ),
    "what is critical": (['[data-stat="critical"]'], [host for host in OPEN if host % 5 == 0]),
    "on which hosts is the worst": (
        ["worst-list[data-by=definition] [data-group-name] >> nth=0"], [host for host in OPEN if host % 5 == 0],
    ),
    "what is on the worst host": (["worst-list[data-by=host] [data-group-name] >> nth=0"], [0]),
    "the oldest open criticals": (
        ["oldest-list >> text=All"], [host for host in OPEN if host % 5 == 0],
    ),
    "what is open in Berlin": (["[data-source-name]"], OPEN),
}  # fmt: skip


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_takes_two_clicks_at_most(page, question):
    clicks, hosts = QUESTIONS[question]
    assert len(clicks) <= 2
    for place in clicks:
        page.locator(place).click()
    lists(page, hosts)


def lists(page: Page, hosts) -> None:
    """The list holds the findings of these hosts, all on one page or as many as it has room for."""
    expect(info(page)).to_have_text(f"1–{min(50, len(hosts))} of {len(hosts)}")
    expect(rows(page)).to_have_count(min(50, len(hosts)))
    # The cell is there on a host's own page as well, where it need not be seen.
    shown = [name.strip() for name in rows(page).locator('[data-field="host"]').all_text_contents()]
    assert set(shown) <= set(named(hosts))
    assert len(set(shown)) == len(shown)


def test_which_hosts_have_this_cve(page, server):
    page.get_by_placeholder("Host, IP, CVE or title").fill("CVE-2024-10001")
    page.keyboard.press("Enter")
    lists(page, [host for host in OPEN if host % 5 == 1])
    page.get_by_role("link", name="CVE-2024-10001").first.click()
    expect(page.get_by_role("heading", name="CVE-2024-10001")).to_be_visible()
    [(hosts,)] = counted(server, "SELECT count(*) FROM findings WHERE severity = 3 AND lifecycle <> 'resolved'")
    expect(page.locator('[data-entity-figure="openHosts"]')).to_have_text(str(hosts))
    lists(page, [host for host in OPEN if host % 5 == 1])


def test_the_oldest_open_criticals_stand_on_the_dashboard(page, server):
    oldest = counted(server, "SELECT assets.name FROM findings JOIN assets ON assets.id = asset_id WHERE severity = 4 "
                             "AND lifecycle <> 'resolved' ORDER BY first_seen LIMIT 6")  # fmt: skip
    expect(page.locator("[data-oldest-host]")).to_have_text([name for (name,) in oldest])


def test_an_empty_record_says_what_to_do_first(open_context):
    with running() as empty:
        page = open_context(base_url=empty.url).new_page()
        page.goto("/")
        expect(page.get_by_role("heading", name="Start with a scan")).to_be_visible()
        expect(page.locator(".dashboard > :visible")).to_have_count(0)
        page.get_by_role("main").get_by_role("link", name="Import a scan").click()
        expect(page.get_by_text("No imports yet")).to_be_visible()
        page.close()  # it asks for imports as long as it is open
