"""The explorer: views that can be sent, groups, columns, the panel of a finding, exported files, and all of it by keyboard."""

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
from tests.e2e.prepared import GONE, OPEN, SCANS, counted, day, info, listed, rows
from tests.support.server import Server


@pytest.fixture(scope="module")
def server(prepared: Server) -> Server:
    return prepared


@pytest.fixture
def page(context) -> Page:
    return listed(context)


def groups(page: Page):
    return page.locator("[data-groups-list] tr")


#: What is chosen behind "More filters" -> what stands in the address, and the condition that it is.
FILTERS = {
    ("Host", "web07"): ("host=web07", "assets.name = 'web07'"),
    ("CVE", "cve-2024-10002"): ("cve=cve-2024-10002", "severity = 2"),
    ("Port", "8003"): ("port=8003", "port = 8003"),
    ("VPR from", "8"): ("vprMin=8", "vpr >= 8"),
    ("Open for at least, days", "130"): ("ageMin=130", f"first_seen <= '{day(130)}'"),
    ("First seen from", day(110)): (f"firstSeenFrom={day(110)}", f"first_seen >= '{day(110)}'"),
    ("New since", day(7)): (f"newSince={day(7)}", "opened_by = 3"),
    ("Changed by import", "3"): (
        "changedBy=3", "(opened_by = 3 OR findings.id IN (SELECT finding_id FROM finding_changes WHERE import_id = 3))",
    ),
}  # fmt: skip


@pytest.mark.parametrize("chosen", FILTERS, ids=lambda chosen: chosen[0])
def test_a_view_can_be_sent_and_its_filter_taken_away(page, context, server, chosen):
    label, value = chosen
    address, condition = FILTERS[chosen]
    joined = f"FROM findings JOIN assets ON assets.id = asset_id WHERE lifecycle <> 'resolved' AND {condition}"
    [(expected,)] = counted(server, f"SELECT count(*) {joined}")
    assert 0 < expected < len(OPEN)
    page.get_by_role("button", name="More filters").click()
    field = page.locator("#more-filters").get_by_label(label, exact=True)
    field.fill(value)
    field.press("Enter")
    expect(info(page)).to_have_text(f"1–{min(50, expected)} of {expected}")
    expect(page).to_have_url(re.compile(rf"\?{re.escape(address)}$"))

    sent = context.new_page()
    sent.goto(page.url)
    expect(info(sent)).to_have_text(f"1–{min(50, expected)} of {expected}")
    sent.locator("[data-chip]").click()
    expect(info(sent)).to_have_text(f"1–50 of {len(OPEN)}")
    expect(sent).to_have_url(re.compile("/vulnerabilities$"))
    sent.go_back()
    expect(info(sent)).to_have_text(f"1–{min(50, expected)} of {expected}")
    sent.go_forward()
    expect(info(sent)).to_have_text(f"1–50 of {len(OPEN)}")


@pytest.mark.parametrize(
    ("button", "column", "page_of"),
    [
        ("Hosts", "assets.name", "hosts"),
        ("Vulnerabilities", "definitions.title", "definitions"),
        ("CVEs", "cve", "cves"),
    ],
)
def test_groups_say_what_plain_sql_says_and_lead_to_their_pages(page, server, button, column, page_of):
    page.get_by_role("group", name="Show").get_by_role("button", name=button).click()
    expected = dict(counted(server, f"""
        SELECT {column}, count(*) FROM findings JOIN assets ON assets.id = asset_id
        JOIN definitions ON definitions.id = findings.definition_id JOIN definition_cves
        ON definition_cves.definition_id = definitions.id WHERE lifecycle <> 'resolved' GROUP BY 1
    """))  # fmt: skip
    expect(groups(page)).to_have_count(min(50, len(expected)))
    expect(page.locator("[data-display-columns]")).to_be_hidden()
    names = groups(page).locator("[data-group-name]").all_inner_texts()
    figures = [int(text) for text in groups(page).locator("[data-group-findings]").all_inner_texts()]
    told = dict(zip(names, figures, strict=True))
    assert told == {name: expected[name] for name in told}
    groups(page).locator("[data-group-name]").first.click()
    expect(page).to_have_url(re.compile(rf"/{page_of}/"))
    expect(page.get_by_role("heading", name=names[0])).to_be_visible()
    expect(page.locator('[data-entity-figure="open"]')).to_have_text(str(figures[0]))
    page.go_back()
    expect(groups(page)).to_have_count(min(50, len(expected)))


def test_columns_are_chosen_and_remembered(page):
    family, epss = page.locator('th[data-column="family"]'), page.locator('th[data-column="epss"]')
    expect(family).to_be_hidden()
    page.locator("summary", has_text="Display").click()
    page.get_by_label("Family", exact=True).first.check()
    page.get_by_label("EPSS", exact=True).check()
    page.get_by_label("CVSS", exact=True).uncheck()
    expect(family).to_be_visible()
    page.reload()
    expect(rows(page)).to_have_count(50)
    expect(family).to_be_visible()
    expect(epss).to_be_visible()
    expect(page.locator('th[data-column="cvss"]')).to_be_hidden()
    expect(rows(page).first.locator('[data-column="cvss"]')).to_be_hidden()


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
    critical = [host for host in OPEN if host % 5 == 0]
    expect(groups(page)).to_have_count(len(critical))
    assert sorted(groups(page).locator("[data-group-name]").all_inner_texts()) == sorted(
        f"web{host:02}" for host in critical
    )


def test_by_keyboard_alone(page):
    search = page.locator("[data-filter-search]")
    search.focus()
    page.keyboard.type("web0")
    expect(info(page)).to_have_text("1–6 of 6")  # web00 and web05 to web09
    title = rows(page).first.locator("[data-open-finding]")
    for _ in range(40):
        page.keyboard.press("Tab")
        if title.evaluate("(element) => element === document.activeElement"):
            break
    expect(title).to_be_focused()
    page.keyboard.press("Enter")
    panel = page.locator("finding-panel dialog")
    expect(panel).to_be_visible()
    for key in ["Tab"] * 12:
        page.keyboard.press(key)
        assert page.evaluate(
            "() => document.activeElement === document.body || !!document.activeElement.closest('dialog')"
        )
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(title).to_be_focused()

    segment = page.get_by_role("group", name="Show").get_by_role("button", name="Hosts")
    segment.focus()
    page.keyboard.press("Enter")
    expect(groups(page)).to_have_count(6)
    menu = page.locator("summary", has_text="Export")
    menu.focus()
    page.keyboard.press("Enter")
    expect(page.locator('[data-export="csv"]:not([data-export-evidence], [data-export-shown])')).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator('[data-export="csv"]:not([data-export-evidence], [data-export-shown])')).to_be_hidden()
    expect(menu).to_be_focused()


def exported(page: Page, kind: str) -> bytes:
    """The bytes of the file that the browser saves."""
    page.locator("summary", has_text="Export").click()
    with page.expect_download() as download:
        page.locator(f'[data-export="{kind}"]:not([data-export-evidence], [data-export-shown])').click()
    assert download.value.suggested_filename == f"vulnerabilities.{kind}"
    return Path(download.value.path()).read_bytes()


def test_what_is_filtered_is_exported_byte_for_byte(page, server):
    page.goto("/vulnerabilities?severity=critical&state=resolved,reopened,active&search=web0")
    expect(rows(page)).to_have_count(2)
    found = counted(server, """
        SELECT findings.id, lifecycle, assets.name, definitions.key, title, port, protocol, findings.vpr, first_seen,
          day, resolved_on
        FROM findings JOIN sightings ON sightings.id = sighting_id
        JOIN assets ON assets.id = asset_id JOIN definitions ON definitions.id = findings.definition_id
        WHERE severity = 4 AND assets.name LIKE 'web0%' ORDER BY findings.id
    """)  # fmt: skip
    assert len(found) == 2
    head = ",".join(column.name for column in COLUMNS.values() if not column.on_request)
    lines = [
        f"{number},critical,{state},{host},,10.0.0.{int(host[3:])},{plugin},{title},CVE-2024-10000,{port},{protocol},,,{vpr},,,,,{first},{last},"
        f"{resolved or ''},tenable-vm,Berlin"
        for number, state, host, plugin, title, port, protocol, vpr, first, last, resolved in found
    ]
    assert exported(page, "csv").decode() == "\n".join([head, *lines]) + "\n"
    told = json.loads(exported(page, "json"))
    [*cells] = csv.DictReader(io.StringIO("\n".join([head, *lines])))
    assert [
        {name: "" if value is None else str(value) for name, value in one.items() if name != "cves"} for one in told
    ] == [{name: text for name, text in one.items() if name != "cves"} for one in cells]
    assert [one["cves"] for one in told] == [["CVE-2024-10000"]] * 2


def test_a_hosts_own_list_is_exported_alone(page):
    page.goto("/vulnerabilities?state=all&host=web01")
    rows(page).locator("[data-host-link]").click()
    page.locator("[data-filter-state]").select_option("all")
    expect(info(page)).to_have_text("1–1 of 1")
    [told] = json.loads(exported(page, "json"))
    assert (told["host"], told["state"]) == ("web01", "resolved")
    assert 1 in GONE
