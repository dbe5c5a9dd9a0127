"""The explorer: views that can be sent, groups, the history of a finding, and exported files."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from hextrackr.queries.columns import COLUMNS
from tests.e2e.accessibility import violations
from tests.e2e.prepared import BACK, NEW, OPEN, SCANS, day, info, listed, named, of_kind, rows
from tests.support.server import Server


@pytest.fixture(scope="module")
def server(prepared: Server) -> Server:
    return prepared


@pytest.fixture
def page(context) -> Page:
    return listed(context)


def groups(page: Page):
    return page.locator("[data-groups-list] tr")


#: What is chosen behind "More filters" -> what stands in the address, and the hosts whose findings are then listed.
FILTERS = {
    ("Host", "web07"): ("host=web07", [7]),
    ("CVE", "cve-2024-10002"): ("cve=cve-2024-10002", of_kind(2)),
    ("Port", "8003"): ("port=8003", of_kind(3)),
    ("VPR from", "8"): ("vprMin=8", of_kind(0) + of_kind(1)),
    ("Open for at least, days", "130"): ("ageMin=130", [host for host in OPEN if host >= 30]),
    ("First seen from", day(110)): (f"firstSeenFrom={day(110)}", [host for host in OPEN if host <= 10]),
    ("New since", day(7)): (f"newSince={day(7)}", NEW),
    ("Changed by import", "3"): ("changedBy=3", NEW + BACK),
}


def test_each_filter_stands_in_the_address_and_the_view_can_be_sent(page, context):
    page.get_by_role("button", name="More filters").click()
    everything = f"1–50 of {len(OPEN)}"
    for (label, value), (address, hosts) in FILTERS.items():
        field = page.locator("#more-filters").get_by_label(label, exact=True)
        field.fill(value)
        field.press("Enter")
        expect(info(page)).to_have_text(f"1–{len(hosts)} of {len(hosts)}")
        expect(page).to_have_url(re.compile(rf"\?{re.escape(address)}$"))
        sent_address, found = page.url, info(page).inner_text()
        page.locator("[data-chip]").click()
        expect(info(page)).to_have_text(everything)
        expect(page).to_have_url(re.compile("/vulnerabilities$"))

    sent = context.new_page()
    sent.goto(sent_address)
    expect(info(sent)).to_have_text(found)
    sent.locator("[data-chip]").click()
    expect(info(sent)).to_have_text(everything)
    sent.go_back()
    expect(info(sent)).to_have_text(found)
    sent.go_forward()
    expect(info(sent)).to_have_text(everything)
    sent.close()

    field = page.locator("#more-filters").get_by_label("Host", exact=True)
    field.press_sequentially("B9")
    expect(page.locator("#suggested-host option")).to_have_count(2)
    field.fill("web91")
    field.press("Enter")
    expect(rows(page)).to_have_count(1)
    page.get_by_role("button", name="Remove the filter: Host web91").click()
    expect(info(page)).to_have_text(everything)


def test_a_search_is_one_step_back_to_the_filters_before_it(page):
    high = page.locator("[data-filter-severity]")
    high.select_option("high")
    expect(page).to_have_url(re.compile(r"\?severity=high$"))
    search = page.locator("[data-filter-search]")
    for letter in "web07":
        search.press(letter)
        expect(page).to_have_url(re.compile(f"search=.*{letter}$"))
    page.go_back()
    expect(page).to_have_url(re.compile(r"\?severity=high$"))
    expect(high).to_have_value("high")


def test_an_address_that_nobody_can_answer_leads_back_to_a_list(page, trouble):
    trouble.expect("answer: GET .*severity=nonsense.* 400")
    page.goto("/vulnerabilities?page=9999&group=nonsense")
    expect(page).to_have_url(re.compile(r"\?page=\d$"))
    expect(rows(page).first).to_be_visible()
    page.goto("/vulnerabilities?severity=nonsense&page=3")
    page.get_by_role("button", name="Clear the filters").click()
    expect(info(page)).to_have_text(f"1–50 of {len(OPEN)}")


#: Button of a group -> where its pages are, and how many findings each has.
GROUPS = {
    "Hosts": ("hosts", dict.fromkeys(named(OPEN), 1)),
    "Vulnerabilities": ("definitions", {f"Flaw of kind {kind}": len(of_kind(kind)) for kind in range(5)}),
    "CVEs": ("cves", {f"CVE-2024-1000{kind}": len(of_kind(kind)) for kind in range(5)}),
}


def test_groups_have_their_findings_and_lead_to_their_pages(page):
    for button, (pages, expected) in GROUPS.items():
        page.get_by_role("group", name="Show").get_by_role("button", name=button).click()
        expect(groups(page)).to_have_count(min(50, len(expected)))
        expect(page.locator("[data-totals]")).to_have_text(re.compile(f"^{len(expected)} {button}", re.IGNORECASE))
        expect(groups(page).locator("[data-group-name]").first).to_have_text(re.compile("|".join(expected)))
        expect(page.locator("[data-display-columns]")).to_be_hidden()
        names = groups(page).locator("[data-group-name]").all_inner_texts()
        figures = [int(text) for text in groups(page).locator("[data-group-findings]").all_inner_texts()]
        assert dict(zip(names, figures, strict=True)) == {name: expected[name] for name in names}
        groups(page).locator("[data-group-name]").first.click()
        expect(page).to_have_url(re.compile(rf"/{pages}/"))
        expect(page.get_by_role("heading", name=names[0])).to_be_visible()
        expect(page.locator('[data-entity-figure="open"]')).to_have_text(str(figures[0]))
        page.go_back()
        expect(groups(page)).to_have_count(min(50, len(expected)))


def test_the_panel_tells_a_findings_history(page):
    page.goto("/vulnerabilities?state=all&host=web00")
    page.locator("[data-open-finding]").click()
    panel = page.get_by_role("dialog", name="Flaw of kind 0")
    expect(panel).to_contain_text("Kind 0 is bad.")
    events = panel.locator("[data-panel-history] li")
    expect(events).to_have_text([
        f"Reopened {day(SCANS[2])} by scan-3.csv", f"Resolved {day(SCANS[1])} by scan-2.csv", f"Opened {day(SCANS[0])} by scan-1.csv",
    ])  # fmt: skip
    assert violations(page) == []
    panel.get_by_role("link", name="All hosts with this vulnerability").click()
    expect(groups(page)).to_have_count(len(of_kind(0)))
    assert sorted(groups(page).locator("[data-group-name]").all_inner_texts()) == named(of_kind(0))


def exported(page: Page, kind: str) -> bytes:
    """The bytes of the file that the browser saves, of which the page knows when it is complete."""
    page.locator("summary", has_text="Export").click()
    with page.expect_download() as download:
        page.locator(f'[data-export="{kind}"]:not([data-export-evidence], [data-export-shown])').click()
    assert download.value.suggested_filename == f"vulnerabilities.{kind}"
    content = Path(download.value.path()).read_bytes()
    [session] = re.findall("sessionId=([0-9a-f-]{36})", download.value.url)
    assert page.request.get(f"/api/progress/{session}").json()["status"] == "completed"
    return content


def test_what_is_filtered_is_exported_and_its_progress_followed(page):
    page.goto("/vulnerabilities?severity=critical&state=resolved,reopened,active&search=web0")
    expect(rows(page)).to_have_count(2)
    [*told] = csv.DictReader(io.StringIO(exported(page, "csv").decode()))
    assert list(told[0]) == [column.name for column in COLUMNS.values() if not column.on_request]
    assert sorted((one["host"], one["state"]) for one in told) == [("web00", "reopened"), ("web05", "active")]

    page.goto("/vulnerabilities?state=all&host=web01")
    rows(page).locator("[data-host-link]").click()
    page.locator("[data-filter-state]").select_option("all")
    expect(info(page)).to_have_text("1–1 of 1")
    [told] = json.loads(exported(page, "json"))
    assert (told["host"], told["state"]) == ("web01", "resolved")
