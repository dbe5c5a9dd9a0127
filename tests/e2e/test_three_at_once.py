"""Three imports at once, from two tabs and a telephone: each window shows all three rightly, to their end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.modal import MANY, fetched, modal, sheet, show
from tests.support.server import Server, running

#: Takes down what the corner of the page says: window.told[filename] is a list of {state, percent}.
RECORD = """
window.told = {};
addEventListener("DOMContentLoaded", () => {
    const pill = document.querySelector("import-pills");
    const note = () => {
        for (const item of pill.querySelectorAll("[data-session-id]")) {
            const name = item.querySelector('[data-field="filename"]').textContent;
            const percent = Number(item.querySelector("[data-ring]").style.getPropertyValue("--percent"));
            const moments = (window.told[name] ??= []);
            const { state } = item.dataset;
            if (moments.at(-1)?.state !== state || moments.at(-1).percent !== percent) moments.push({ state, percent });
        }
    };
    new MutationObserver(note).observe(pill, { attributes: true, subtree: true, childList: true, characterData: true });
});
"""
NAMES = ["first.csv", "second.csv", "third.csv"]


@pytest.fixture(scope="module")
def server(browser: Browser) -> Iterator[Server]:
    with running() as server:
        yield server


@pytest.fixture
def windows(open_context) -> list[Page]:
    desk = open_context()
    telephone = open_context(viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)
    for context in (desk, telephone):
        context.add_init_script(RECORD)
    pages = [desk.new_page(), desk.new_page(), telephone.new_page()]
    for page in pages:
        page.goto("/imports")
        expect(page.locator("imports-list")).to_have_attribute("data-view", "empty")
    return pages


def test_each_window_shows_all_three(windows, many, tmp_path):
    for page, name in zip(windows, NAMES, strict=True):
        (tmp_path / name).symlink_to(many)
        show(page, tmp_path / name)
        sheet(page).get_by_label("Source label").fill(name)
    for page in windows:
        sheet(page).get_by_role("button", name="Import").click()
    for page in windows:
        expect(modal(page)).to_be_visible()
        page.keyboard.press("Escape")
        expect(modal(page)).to_be_hidden()
    for page in windows:
        page.wait_for_function(
            "(names) => names.every((name) => window.told[name]?.some(({ state }) => state === 'completed'))",
            arg=NAMES,
            timeout=90_000,
        )
        told = page.evaluate("() => window.told")
        assert set(told) == set(NAMES)
        for moments in told.values():
            percents = [moment["percent"] for moment in moments if moment["state"] != "uploading"]
            assert percents == sorted(percents)
            assert moments[-1] == {"state": "completed", "percent": 100}
            assert {moment["state"] for moment in moments} <= {"uploading", "waiting", "running", "completed"}
        assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
        rows = page.locator("[data-import-id]")
        expect(rows.locator('[data-field="inserted"]')).to_have_text([f"{MANY:,}"] * 3)
        expect(page.locator("import-pills button")).to_have_count(0)  # each has been dismissed
    assert [record["inserted"] for record in fetched(windows[0], "/api/imports")["data"]] == [MANY] * 3
