"""The list of findings: filters, search, pages, and a URL that holds them all."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.prepared import SEVERITIES, bring, info, listed, rows
from tests.support.exports import export, row
from tests.support.server import Server, running


@pytest.fixture(scope="module")
def server(browser: Browser) -> Iterator[Server]:
    """With two scans of 120 findings, 24 of each severity; the second one misses ten that the first had."""
    first = [
        row(
            host=f"host-{number}", asset_name=f"web{number:03}", severity=SEVERITIES[number % 5],
            title=f"Plugin of web{number:03}", plugin=str(2000 + number), cve=f"CVE-2024-{10_000 + number}",
        )
        for number in range(120)
    ]  # fmt: skip
    later = [{**finding, "last_seen": "2026-08-08T03:00:00.000Z"} for finding in first[10:]]
    with running() as server:
        bring(browser, server, [export(first), export(later)])
        yield server


@pytest.fixture
def page(context) -> Page:
    return listed(context)


def test_open_findings_are_listed_the_worst_first(page):
    expect(info(page)).to_have_text("1–50 of 110")
    expect(rows(page).first.locator('[data-field="severity"]')).to_have_text("critical")
    expect(page.locator("[data-totals]")).to_have_text(re.compile("^110 findings"))
    expect(page.locator('[data-stat="high"] [data-stat-value]')).to_have_text("22")
    expect(rows(page).first.get_by_role("link", name=re.compile("CVE-2024-"))).to_have_attribute(
        "href", re.compile("^/cves/CVE-2024-")
    )


def test_the_severity_filter(page):
    page.locator("[data-filter-severity]").select_option("low")
    expect(info(page)).to_have_text("1–22 of 22")
    expect(page).to_have_url(re.compile(r"\?severity=low$"))
    assert set(rows(page).locator('[data-field="severity"]').all_inner_texts()) == {"Low"}
    page.locator('[data-stat="critical"]').click()
    expect(page.locator('[data-stat="critical"]')).to_have_attribute("aria-pressed", "true")
    expect(page.locator("[data-filter-severity]")).to_have_value("critical")
    expect(page.locator('[data-stat="critical"] [data-stat-value]')).to_have_text("22")
    expect(page.locator('[data-stat="high"] [data-stat-value]')).to_have_text("0")


def test_the_state_filter(page):
    page.locator("[data-filter-state]").select_option("resolved")
    expect(info(page)).to_have_text("1–10 of 10")
    assert set(rows(page).locator('[data-field="state"]').all_inner_texts()) == {"Resolved"}
    page.locator("[data-filter-state]").select_option("all")
    expect(info(page)).to_have_text("1–50 of 120")


@pytest.mark.parametrize(("text", "host"), [("web042", "web042"), ("CVE-2024-10077", "web077"), ("2099", "web099")])
def test_the_search_finds_hosts_cves_and_plugins(page, text, host):
    page.locator("[data-filter-search]").fill(text)
    expect(rows(page)).to_have_count(1)
    expect(rows(page).locator('[data-field="host"]')).to_have_text(host)


def test_a_search_without_a_match_is_widened_or_cleared(page):
    page.locator("[data-filter-search]").fill("web003")  # it is resolved
    expect(page.get_by_text("No open finding fits")).to_be_visible()
    page.get_by_role("button", name="Search resolved findings too").click()
    expect(rows(page)).to_have_count(1)
    page.locator("[data-filter-search]").fill("no such host")
    expect(page.get_by_text("Nothing matches")).to_be_visible()
    page.locator(".nothing [data-filter-reset]").click()
    expect(info(page)).to_have_text("1–50 of 110")
    expect(page.locator("[data-filter-search]")).to_have_value("")


def test_pages_go_on_and_back_and_the_url_keeps_them(page):
    following, previous = page.locator("[data-page-next]"), page.locator("[data-page-previous]")
    expect(previous).to_be_disabled()
    following.click()
    expect(info(page)).to_have_text("51–100 of 110")
    expect(page.locator("[data-list-frame]")).to_be_focused()
    expect(rows(page).first).to_be_in_viewport(ratio=1)
    following.click()
    expect(info(page)).to_have_text("101–110 of 110")
    expect(following).to_be_disabled()
    previous.click()
    expect(info(page)).to_have_text("51–100 of 110")

    page.locator("[data-filter-severity]").select_option("high")
    expect(info(page)).to_have_text("1–22 of 22")
    page.go_back()
    expect(info(page)).to_have_text("51–100 of 110")
    expect(page.locator("[data-filter-severity]")).to_have_value("")
    page.go_forward()
    expect(info(page)).to_have_text("1–22 of 22")
    page.reload()
    expect(info(page)).to_have_text("1–22 of 22")
    expect(page.locator("[data-filter-severity]")).to_have_value("high")


def test_a_column_sorts_both_ways(page):
    header = page.locator('th[data-column="firstSeen"]')
    header.get_by_role("button").click()
    expect(header).to_have_attribute("aria-sort", "descending")
    expect(page).to_have_url(re.compile("sort=firstSeen"))
    header.get_by_role("button").click()
    expect(header).to_have_attribute("aria-sort", "ascending")
