"""The figures that the dashboard, the pages of an import, a host and a CVE show are those of plain SQL."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.modal import number
from tests.e2e.prepared import OPEN, SEVERITIES, counted
from tests.support.server import Server

IS_OPEN = "lifecycle <> 'resolved'"
#: As the record counts them.
VALUES = {name.lower(): 4 - place for place, name in enumerate(SEVERITIES)}


@pytest.fixture(scope="module")
def server(prepared: Server) -> Server:
    return prepared


def one(server: Server, statement: str) -> int:
    [(figure,)] = counted(server, statement)
    return figure


def shown(page: Page, place: str) -> int:
    return number(page.locator(place).inner_text())


def changed(server: Server, kind: str, number: int, condition: str = "1 = 1") -> int:
    """How many findings an import opened, reopened or resolved."""
    if kind == "opened":
        return one(server, f"SELECT count(*) FROM findings WHERE opened_by = {number} AND {condition}")
    changes = f"SELECT finding_id FROM finding_changes WHERE import_id = {number} AND kind = '{kind}'"
    return one(server, f"SELECT count(*) FROM findings WHERE id IN ({changes}) AND {condition}")


def test_the_dashboard(context, server):
    page = context.new_page()
    page.goto("/")
    for panel in ("last-changes", "source-list", "latest-imports"):
        expect(page.locator(panel)).to_have_attribute("data-view", "list")
    expect(page.locator('[data-total="open"]')).to_have_text(str(len(OPEN)))
    for name, value in VALUES.items():
        open_now = one(server, f"SELECT count(*) FROM findings WHERE severity = {value} AND {IS_OPEN}")
        assert shown(page, f'[data-stat="{name}"] [data-stat-value]') == open_now
        change = sum(
            sign * changed(server, kind, 3, f"severity = {value}")
            for kind, sign in {"opened": 1, "reopened": 1, "resolved": -1}.items()
        )
        text = page.locator(f'[data-stat="{name}"] [data-stat-change]').inner_text()
        assert int(text.replace("−", "-").replace("±", "")) == change
    assert shown(page, '[data-total="hosts"]') == one(
        server, "SELECT count(DISTINCT asset_id) FROM findings WHERE lifecycle <> 'resolved'"
    )
    for kind in ("opened", "reopened", "resolved"):
        assert shown(page, f'[data-change="{kind}"] [data-change-count]') == changed(server, kind, 3)
        for each in (1, 2, 3):
            row = page.locator("[data-latest-rows] li").filter(has_text=f"scan-{each}.csv")
            expect(row.locator(f'[data-latest="{kind}"] [data-latest-count]')).to_have_text(
                str(changed(server, kind, each))
            )
    assert shown(page, "[data-source-open]") == len(OPEN)

    page.locator("trend-card summary").click()
    cells = page.locator("trend-card tbody tr").first.locator("td").all_inner_texts()
    assert [int(text) for text in cells[:6]] == [
        *(one(server, f"SELECT count(*) FROM findings WHERE severity = {value} AND {IS_OPEN}") for value in VALUES.values()), len(OPEN),
    ]  # fmt: skip
    for by, column in {"host": "asset_id", "definition": "definition_id"}.items():
        heaviest = f"worst-list[data-by={by}] [data-worst-rows] tr >> nth=0"
        href = page.locator(heaviest).get_by_role("link").get_attribute("href")
        counts = one(server, f"SELECT count(*) FROM findings WHERE {column} = {href.rsplit('/', 1)[1]} AND {IS_OPEN}")
        assert shown(page, f"{heaviest} >> [data-group-findings]") == counts


@pytest.mark.parametrize("number", [1, 2, 3])
def test_the_page_of_an_import(context, server, number):
    page = context.new_page()
    page.goto(f"/imports/{number}")
    expect(page.locator("import-page")).to_have_attribute("data-view", "list")
    for shown_as, kind in {"inserted": "opened", "reopened": "reopened", "resolved": "resolved"}.items():
        assert shown(page, f'[data-total-of="{shown_as}"]') == changed(server, kind, number)
        for name, value in VALUES.items():
            cell = f'[data-import-severities] [data-severity="{name}"] [data-of="{shown_as}"]'
            assert shown(page, cell) == changed(server, kind, number, f"severity = {value}")
    open_then = sum(
        changed(server, "opened", each) + changed(server, "reopened", each) - changed(server, "resolved", each)
        for each in range(1, number + 1)
    )
    assert shown(page, '[data-total-of="open"]') == open_then
    rows, staged = counted(server, f"SELECT rows_read, staged FROM imports WHERE id = {number}")[0]
    assert (shown(page, '[data-rows="rowsRead"]'), shown(page, '[data-rows="insertedToStaging"]')) == (rows, staged)


@pytest.mark.parametrize(
    ("path", "condition"), [
        ("/hosts/1", "asset_id = 1"), ("/definitions/2", "definition_id = 2"),
        ("/cves/CVE-2024-10003", "definition_id IN (SELECT definition_id FROM definition_cves WHERE cve = 'CVE-2024-10003')"),
    ],
)  # fmt: skip
def test_the_page_of_a_subject(context, server, path, condition):
    page = context.new_page()
    page.goto(path)
    expect(page.locator("entity-summary")).to_have_attribute("data-view", "list")
    [(open_now, hosts, vpr, oldest)] = counted(
        server,
        f"SELECT count(*), count(DISTINCT asset_id), sum(vpr), min(first_seen) FROM findings WHERE {IS_OPEN} AND {condition}",
    )
    assert open_now > 0
    assert shown(page, '[data-entity-figure="open"]') == open_now
    if not path.startswith("/hosts"):
        assert shown(page, '[data-entity-figure="openHosts"]') == hosts
    expect(page.locator('[data-entity-figure="vprSum"]')).to_have_text(f"{vpr:,.1f}")
    expect(page.locator('[data-entity-figure="oldest"]')).to_have_text(oldest)
    last = page.locator("[data-entity-history] tr").first.locator("td").last
    expect(last).to_have_text(str(open_now))
    for row in page.locator("[data-entity-history] tr").all():
        number = int(row.get_by_role("link").get_attribute("href").rsplit("/", 1)[1])
        told = [int(text) for text in row.locator("td").all_inner_texts()[1:4]]
        assert told == [changed(server, kind, number, condition) for kind in ("opened", "reopened", "resolved")]
