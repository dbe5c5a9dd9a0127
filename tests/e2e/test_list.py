"""The list of findings: its filters and pages, its lines and columns, its keys, the panel beside it, its order on a telephone."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, Route, expect

from tests.e2e.accessibility import violations
from tests.e2e.prepared import BACK, FIXED, GONE, OPEN, info, listed, of_kind, rows
from tests.support.server import Server


@pytest.fixture(scope="module")
def server(prepared: Server) -> Server:
    return prepared


def test_the_list_is_filtered_searched_paged_and_sorted(context):
    page = listed(context)
    critical, low = len(of_kind(0)), len(of_kind(3))
    following, severity, state = (
        page.locator(f"[data-{name}]") for name in ("page-next", "filter-severity", "filter-state")
    )
    second_page = f"51–{len(OPEN)} of {len(OPEN)}"
    expect(rows(page).first.locator('[data-field="severity"]')).to_have_text("critical")
    expect(page.locator("[data-totals]")).to_have_text(re.compile(f"^{len(OPEN)} findings"))
    expect(rows(page).first.get_by_role("link", name=re.compile("CVE-2024-"))).to_have_attribute(
        "href", re.compile("^/cves/CVE-2024-")
    )
    expect(page.locator("[data-page-previous]")).to_be_disabled()
    following.click()
    expect(info(page)).to_have_text(second_page)
    expect(page.locator("[data-list-frame]")).to_be_focused()
    expect(rows(page).first).to_be_in_viewport(ratio=1)
    expect(following).to_be_disabled()

    severity.select_option("low")
    expect(info(page)).to_have_text(f"1–{low} of {low}")
    expect(page).to_have_url(re.compile(r"\?severity=low$"))
    assert set(rows(page).locator('[data-field="severity"]').all_inner_texts()) == {"Low"}
    page.go_back()
    expect(info(page)).to_have_text(second_page)
    expect(severity).to_have_value("")
    page.go_forward()
    expect(info(page)).to_have_text(f"1–{low} of {low}")
    page.reload()
    expect(info(page)).to_have_text(f"1–{low} of {low}")
    expect(severity).to_have_value("low")

    page.locator('[data-stat="critical"]').click()
    expect(page.locator('[data-stat="critical"]')).to_have_attribute("aria-pressed", "true")
    expect(severity).to_have_value("critical")
    expect(page.locator('[data-stat="critical"] [data-stat-value]')).to_have_text(str(critical))
    expect(page.locator('[data-stat="high"] [data-stat-value]')).to_have_text("0")

    header = page.locator('th[data-column="firstSeen"]')
    for order in ("descending", "ascending"):
        header.get_by_role("button").click()
        expect(header).to_have_attribute("aria-sort", order)
        expect(page).to_have_url(re.compile("sort=firstSeen"))

    page.locator("[data-filter-search]").fill("no such host")
    expect(page.get_by_text("Nothing matches")).to_be_visible()
    assert violations(page) == []
    page.get_by_role("button", name="Clear the filters").click()
    expect(info(page)).to_have_text(f"1–50 of {len(OPEN)}")
    expect(page.locator("[data-filter-search]")).to_have_value("")
    page.locator("[data-filter-search]").fill(f"web{FIXED[0]}")
    page.get_by_role("button", name="Search resolved findings too").click()
    expect(rows(page)).to_have_count(1)
    page.goto("/vulnerabilities")
    state.select_option("resolved")
    resolved = len(GONE) - len(BACK) + len(FIXED)
    expect(info(page)).to_have_text(f"1–{resolved} of {resolved}")
    assert set(rows(page).locator('[data-field="state"]').all_inner_texts()) == {"Resolved"}


def heads(page: Page) -> list[str]:
    """The columns that are shown, from the left."""
    return page.locator('[data-table="finding"] thead th:visible').all_inner_texts()


def test_a_compact_list_by_keyboard_alone(open_context):
    page = listed(open_context(viewport={"width": 1440, "height": 900}))
    boxes = [row.bounding_box() for row in rows(page).all()]
    assert sum(box["y"] + box["height"] <= 900 for box in boxes) >= 18
    assert len({box["height"] for box in boxes}) == 1

    title = rows(page).locator("[data-open-finding]")
    for key in "jjjk":
        page.keyboard.press(key)
    expect(title.nth(1)).to_be_focused()
    page.keyboard.press("o")
    panel = page.locator("finding-panel dialog")
    expect(panel).to_be_visible()
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(title.nth(1)).to_be_focused()

    page.keyboard.press("/")
    page.keyboard.type("j?o/")
    expect(page.locator("[data-filter-search]")).to_have_value("j?o/")
    page.locator("[data-filter-search]").fill("web0")
    expect(info(page)).to_have_text("1–6 of 6")  # web00 and web05 to web09
    show, groups = page.get_by_role("group", name="Show"), page.locator("[data-groups-list] tr")
    show.get_by_role("button", name="Hosts").press("Enter")
    expect(groups).to_have_count(6)
    show.get_by_role("button", name="Findings").press("Enter")
    expect(rows(page)).to_have_count(6)
    menu = page.locator("summary", has_text="Export")
    exported = page.locator('[data-export="csv"]:not([data-export-evidence], [data-export-shown])')
    menu.press("Enter")
    expect(exported).to_be_visible()
    page.keyboard.press("Escape")
    expect(exported).to_be_hidden()
    expect(menu).to_be_focused()
    page.locator("[data-filter-search]").fill("")
    expect(info(page)).to_have_text(f"1–50 of {len(OPEN)}")
    page.keyboard.press("Escape")
    expect(page.locator("[data-list-frame]")).to_be_focused()

    assert heads(page)[3:6] == ["CVE", "Port", "CVSS"]
    page.locator("summary", has_text="Display").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Move Port up").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Move Port up")).to_be_focused()
    assert heads(page)[3:6] == ["Port", "CVE", "CVSS"]
    page.get_by_label("Comfortable").press("Space")
    for column in ("CVSS", "EPSS"):
        page.get_by_label(column, exact=True).press("Space")
    page.reload()
    expect(rows(page)).to_have_count(50)
    assert heads(page)[3:6] == ["Port", "CVE", "VPR"]
    assert "EPSS" in heads(page)
    assert rows(page).first.bounding_box()["height"] > boxes[0]["height"]

    page.keyboard.press("?")
    help_dialog = page.get_by_role("dialog", name="Keyboard shortcuts")
    assert violations(page) == []
    help_dialog.get_by_label("Use single-key shortcuts").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("?")
    expect(help_dialog).to_be_hidden()
    expect(title.first).not_to_be_focused()


def test_the_panel_goes_through_the_list_and_has_an_address(context):
    page = listed(context)
    panel, place = page.locator("finding-panel dialog"), page.locator("[data-panel-place]")
    rows(page).nth(48).locator("[data-open-finding]").click()
    expect(place).to_have_text(f"49 of {len(OPEN)}")
    expect(page).to_have_url(re.compile(r"\?finding=\d+$"))
    page.get_by_role("button", name="Next finding").click()
    expect(place).to_have_text(f"50 of {len(OPEN)}")
    page.keyboard.press("j")
    expect(place).to_have_text(f"51 of {len(OPEN)}")
    expect(page).to_have_url(re.compile(r"\?page=2&finding=\d+$"))
    host = rows(page).first.locator("[data-host-link]").inner_text()
    expect(panel.locator('[data-panel="host"]')).to_have_text(host)

    sent = context.new_page()
    sent.goto(page.url)
    expect(sent.locator('[data-panel="host"]')).to_have_text(host)
    expect(sent.locator("[data-panel-place]")).to_have_text(f"51 of {len(OPEN)}")
    sent.close()

    page.keyboard.press("k")
    expect(place).to_have_text(f"50 of {len(OPEN)}")
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(page).to_have_url(re.compile("/vulnerabilities$"))
    expect(rows(page).nth(49).locator("[data-open-finding]")).to_be_focused()
    page.go_forward()
    expect(panel).to_be_visible()
    expect(place).to_have_text(f"50 of {len(OPEN)}")
    page.keyboard.press("j")
    expect(place).to_have_text(f"51 of {len(OPEN)}")
    expect(panel.locator('[data-panel="host"]')).to_have_text(host)
    page.keyboard.press("Escape")
    expect(page).to_have_url(re.compile(r"\?page=2$"))
    expect(rows(page).first.locator("[data-open-finding]")).to_be_focused()


def test_a_panel_that_is_closed_while_the_next_finding_is_fetched_stays_closed(context):
    page = listed(context)
    panel = page.locator("finding-panel dialog")
    rows(page).first.locator("[data-open-finding]").click()
    expect(page).to_have_url(re.compile(r"\?finding=\d+$"))
    address = page.url
    page.goto("about:blank")
    page.goto(address)
    expect(panel).to_be_visible()
    expect(rows(page)).to_have_count(50)  # before that, there is no next finding
    page.route("**/api/vulnerabilities/*", lambda route: None)  # no answer comes
    with page.expect_request("**/api/vulnerabilities/*"):
        page.keyboard.press("j")
    with page.expect_event("requestfailed"):
        page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(rows(page).nth(1).locator("[data-open-finding]")).to_be_focused()


def test_a_panel_that_is_closed_while_the_next_page_is_fetched_stays_closed(context):
    page = listed(context)
    panel = page.locator("finding-panel dialog")
    rows(page).nth(49).locator("[data-open-finding]").click()
    expect(panel).to_be_visible()
    held: list[Route] = []
    page.route("**/api/vulnerabilities?page=2*", lambda route: held.append(route))
    with page.expect_request("**/api/vulnerabilities?page=2*"):
        page.keyboard.press("j")
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    held[0].continue_()
    expect(info(page)).to_have_text(re.compile("^51–"))
    expect(page.locator("[data-list-frame]")).to_be_focused()
    expect(panel).to_be_hidden()


def test_a_list_is_sorted_on_a_telephone(open_context):
    page = listed(open_context(viewport={"width": 390, "height": 844}))
    page.get_by_label("Sort", exact=True).select_option(label="Host")
    expect(rows(page).first.locator("[data-host-link]")).to_have_text("web00")
    page.get_by_role("button", name="Ascending; sort descending").click()
    expect(rows(page).first.locator("[data-host-link]")).to_have_text("web91")


def test_a_list_that_the_server_is_not_ready_to_answer_comes_by_itself(open_context, trouble):
    trouble.expect("answer: GET .*/api/vulnerabilities.* 503")
    page = open_context().new_page()
    busy = {"error": {"code": "SQLITE_BUSY", "detail": "The lists are being brought up to date."}}
    page.route("**/api/vulnerabilities?*", lambda route: route.fulfill(status=503, json=busy), times=1)
    page.goto("/vulnerabilities")
    expect(page.locator("[data-explorer] [data-trouble]")).to_have_text(re.compile("brought up to date"))
    expect(rows(page)).to_have_count(50)
