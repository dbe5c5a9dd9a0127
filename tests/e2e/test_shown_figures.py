"""The dashboard and the pages of an import, a host, a vulnerability and a CVE show what the scans of the prepared record say."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.modal import number
from tests.e2e.prepared import BACK, FIXED, HOSTS, NEW, OPEN, SEVERITIES, day, of_kind
from tests.support.server import Server

#: Severity -> the number that the last digits of its hosts have in common.
KINDS = {name.lower(): kind for kind, name in enumerate(SEVERITIES)}
#: What the last scan changed.
CHANGES = {"opened": NEW, "reopened": BACK, "resolved": FIXED}


@pytest.fixture(scope="module")
def server(prepared: Server) -> Server:
    return prepared


def shown(page: Page, place: str) -> int:
    return number(page.locator(place).inner_text().replace("−", "-").replace("±", ""))


def test_the_dashboard(context):
    page = context.new_page()
    page.goto("/")
    for panel in ("last-changes", "source-list", "latest-imports", "trend-card", "worst-list[data-by=host]"):
        expect(page.locator(panel)).to_have_attribute("data-view", "list")
    expect(page.locator('[data-total="open"]')).to_have_text(str(len(OPEN)))
    assert shown(page, '[data-total="hosts"]') == shown(page, "[data-source-open]") == len(OPEN)
    for name, kind in KINDS.items():
        assert shown(page, f'[data-stat="{name}"] [data-stat-value]') == len(of_kind(kind, OPEN))
        change = len(of_kind(kind, NEW)) + len(of_kind(kind, BACK)) - len(of_kind(kind, FIXED))
        assert shown(page, f'[data-stat="{name}"] [data-stat-change]') == change
    first = page.locator("[data-latest-rows] li").filter(has_text="scan-1.csv")
    expect(first.locator('[data-latest="opened"] [data-latest-count]')).to_have_text(str(len(HOSTS)))
    for change, hosts in CHANGES.items():
        assert shown(page, f'[data-change="{change}"] [data-change-count]') == len(hosts)
        last = page.locator("[data-latest-rows] li").filter(has_text="scan-3.csv")
        expect(last.locator(f'[data-latest="{change}"] [data-latest-count]')).to_have_text(str(len(hosts)))
    page.locator("trend-card summary").click()
    cells = page.locator("trend-card tbody tr").first.locator("td").all_inner_texts()
    assert [int(text) for text in cells[:6]] == [*(len(of_kind(kind, OPEN)) for kind in KINDS.values()), len(OPEN)]
    assert shown(page, "worst-list[data-by=definition] tbody tr >> nth=0 >> [data-group-findings]") == len(
        of_kind(0, OPEN)
    )


def test_the_page_of_an_import(context):
    page = context.new_page()
    page.goto("/imports/3")
    expect(page.locator("import-page")).to_have_attribute("data-view", "list")
    for figure, hosts in {"inserted": NEW, "reopened": BACK, "resolved": FIXED, "open": OPEN}.items():
        assert shown(page, f'[data-total-of="{figure}"]') == len(hosts)
        for name, kind in KINDS.items():
            cell = f'[data-import-severities] [data-severity="{name}"] [data-of="{figure}"]'
            assert shown(page, cell) == len(of_kind(kind, hosts))
    assert shown(page, '[data-rows="rowsRead"]') == shown(page, '[data-rows="insertedToStaging"]') == len(OPEN)


def test_the_source_and_the_period_of_the_trends_are_in_the_address(context):
    def choices(page):
        return [page.locator(f"[data-trend-{name}]") for name in ("source", "period")]

    page = context.new_page()
    page.goto("/trends")
    source, period = choices(page)
    period.select_option("")
    expect(page).to_have_url(re.compile(r"/trends\?period=all$"))
    with page.expect_response(lambda answer: "/api/trends/weeks?source=1" in answer.url):
        source.select_option("1")
    expect(page).to_have_url(re.compile(r"/trends\?source=1&period=all$"))

    sent = context.new_page()
    with sent.expect_response(lambda answer: answer.url.endswith("/api/trends/weeks?source=1")):
        sent.goto(page.url)
    for choice, value in zip(choices(sent), ("1", ""), strict=True):
        expect(choice).to_have_value(value)

    with page.expect_response(lambda answer: answer.url.endswith("/api/trends/weeks?")):
        page.go_back()
    expect(source).to_have_value("")
    expect(period).to_have_value("")

    page.goto("/trends?source=99")
    weeks = page.locator("weeks-card")
    expect(weeks).to_contain_text("No scan for this source. Show all sources")
    expect(source).to_have_value("99")
    page.get_by_role("link", name="Show all sources").first.click()
    expect(weeks).to_have_attribute("data-view", "list")


#: Group -> the name of one of its members, and the hosts of its findings.
SUBJECTS = {"host": ("web06", [6]), "definition": ("Flaw of kind 2", of_kind(2)), "cve": ("CVE-2024-10003", of_kind(3))}


def test_the_page_of_a_host_a_definition_and_a_cve(context):
    page = context.new_page()
    for group, (name, hosts) in SUBJECTS.items():
        page.goto(f"/vulnerabilities?group={group}")
        page.locator("[data-group-name]", has_text=name).click()
        expect(page.get_by_role("heading", name=name)).to_be_visible()
        expect(page.locator("entity-summary")).to_have_attribute("data-view", "list")
        assert shown(page, '[data-entity-figure="open"]') == len(hosts)
        if group != "host":
            assert shown(page, '[data-entity-figure="openHosts"]') == len(hosts)
        vpr = sum(9 - host % 5 + 0.5 for host in hosts)
        expect(page.locator('[data-entity-figure="vprSum"]')).to_have_text(f"{vpr:,.1f}")
        expect(page.locator('[data-entity-figure="oldest"]')).to_have_text(day(100 + max(hosts)))
        history = page.locator("[data-entity-history] tr")
        expect(history.first.locator("td").last).to_have_text(str(len(hosts)))
