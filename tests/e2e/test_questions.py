"""The questions of a Monday, each answered in at most two clicks from the dashboard."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.modal import choose, payload
from tests.e2e.prepared import BACK, FIXED, GONE, HOSTS, NEW, OPEN, counted, info, rows
from tests.support.exports import scan
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
    "what did the last scan change": (["trend-card [data-legend-link]"], [*BACK, *FIXED, *NEW]),
    "what is critical for too long": (["[data-overdue] a"], [host for host in OPEN if host % 5 == 0]),
    "how long did high ones take": (['[data-time="high"] a'], [host for host in GONE[1:] if host % 5 == 1]),
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


def test_what_is_new_this_month_leaves_first_scans_apart_and_says_what_it_counts(page):
    page.get_by_label("Since when").select_option("30")
    expect(page.locator('[data-change="resolved"] [data-change-count]')).to_have_text(str(len(GONE) + len(FIXED)))
    expect(page.locator('[data-change="opened"] [data-change-count]')).to_have_text(str(len(NEW)))
    page.get_by_role("button", name="What it counts: New").press("Enter")
    expect(page.get_by_role("note", name="New")).to_contain_text("first scan of a source")
    page.keyboard.press("Escape")
    expect(page.get_by_role("note", name="New")).to_be_hidden()
    page.get_by_role("link", name="60 findings of a source scanned for the first time").click()
    lists(page, HOSTS)


def test_what_is_new_since_the_last_visit(page):
    expect(page.get_by_label("Since when").locator('[value="visit"]')).to_be_disabled()
    page.evaluate("""() => {
        const visit = { last: { at: Date.now() - 86_400_000, imported: 0 }, before: null };
        localStorage.setItem("hextrackr_visit_", JSON.stringify(visit));
    }""")
    page.reload()
    page.get_by_label("Since when").select_option("visit")
    expect(page.locator("[data-change-days]")).to_contain_text("Imports since")
    page.reload()  # within the same visit, and the choice is remembered
    expect(page.locator("[data-change-days]")).to_contain_text("Imports since")
    page.locator('[data-change="resolved"]').click()
    lists(page, [*GONE, *FIXED])


def test_the_chart_is_read_and_followed_by_keys(page):
    chart = page.get_by_role("slider", name="Open findings by day")
    expect(chart).to_have_attribute("aria-valuetext", re.compile(f"{len(OPEN)} open"))
    chart.press("Home")
    expect(chart).to_have_attribute("aria-valuetext", re.compile("60 open, of these 12 critical"))
    expect(page.locator("trend-card [data-legend-value=total]")).to_have_text("60")
    chart.press("ArrowRight")
    expect(page.locator("trend-card [data-legend-value=total]")).to_have_text("55")
    chart.press("Enter")
    lists(page, GONE)


def test_how_it_went_week_by_week(page, server):
    page.get_by_role("link", name="Trends").click()
    weeks = page.locator("weeks-card")
    weeks.locator("summary").click()
    resolved = counted(server, "SELECT count(*) FROM finding_changes WHERE kind = 'resolved' AND import_id = 2")[0][0]
    weeks.locator("tbody tr").filter(has_text="5").get_by_role("link", name=str(resolved), exact=True).first.click()
    lists(page, GONE)


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
        choose(page, payload("scan.csv", scan([1, 2])))
        expect(page.locator('[data-total="open"]')).to_have_text("2")
        expect(page.locator(".welcome")).to_be_hidden()
        page.close()  # it asks for imports as long as it is open
