"""An import goes on without its modal, shows in the corner of every page, and comes back at a click."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.e2e.modal import MANY, choose, figures, has_advanced, modal, part, payload, reaches, reaches_percent, row_of
from tests.support.exports import scan
from tests.support.server import Server, running


@pytest.fixture(scope="module")
def server(browser) -> Iterator[Server]:
    with running() as server:
        yield server


@pytest.mark.parametrize("way", ["Escape", "minimise"])
def test_the_modal_is_put_aside_and_called_back(page, many, way):
    choose(page, many, source=way)
    reaches_percent(page, 5)
    if way == "Escape":
        page.keyboard.press("Escape")
    else:
        part(page, way).click()
    expect(modal(page)).to_be_hidden()

    pill = page.locator("import-pills button")
    expect(pill).to_have_attribute("data-state", "running")
    expect(pill).to_contain_text(many.name)
    expect(pill).to_contain_text(re.compile(r"\d+%"))
    pill.click()
    expect(modal(page)).to_be_visible()
    expect(pill).to_have_count(0)
    reaches(page, "completed")
    assert figures(page)["inserted"] == MANY
    has_advanced(page)


def test_an_import_in_the_background_shows_on_another_page(page, many):
    choose(page, many, source="elsewhere")
    reaches_percent(page, 2)
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Findings", exact=True).click()
    pill = page.locator("import-pills button")
    expect(pill).to_contain_text(many.name)
    expect(page).to_have_title(re.compile(r"^\d+% · Findings"))
    icon = page.locator('link[rel="icon"]')
    expect(icon).to_have_attribute("href", re.compile(r"^data:image/svg\+xml,"))
    expect(pill).to_have_attribute("data-state", "completed", timeout=30_000)
    expect(page).to_have_title(re.compile(r"^Findings"))
    expect(icon).to_have_attribute("href", re.compile(r"favicon\.svg$"))
    pill.click()
    reaches(page, "completed")


def test_the_list_opens_the_progress_of_an_import_of_somebody_else(page, open_context, many):
    choose(page, many, source="somebody")
    reaches_percent(page, 2)
    other = open_context().new_page()
    other.goto("/imports")
    row_of(other, many.name).get_by_role("button", name="Show progress").click()
    reaches(other, "completed")
    assert figures(other)["inserted"] == MANY
    reaches(page, "completed")


def test_the_focus_goes_back_to_where_it_was(page):
    field = page.locator("import-form input[name=csvFile]")
    field.focus()
    choose(page, payload("focus.csv", scan(range(3), port="22")))
    reaches(page, "completed")
    expect(part(page, "close")).to_be_focused()
    page.keyboard.press("Enter")
    expect(modal(page)).to_be_hidden()
    expect(field).to_be_focused()


def test_many_imports_in_the_background_are_one_pill_that_opens(page):
    unfinished = [
        {"sessionId": f"session-{number}", "importId": number, "filename": f"{'long-' * 30}{number}.csv"}
        for number in range(1, 10)
    ]
    snapshot = {"progress": 40, "status": "processing", "message": "", "timestamp": 0}
    page.route("**/api/imports?unfinished=true*", lambda route: route.fulfill(json={"data": unfinished}))
    page.route(
        "**/api/progress/*",
        lambda route: route.fulfill(
            json={**snapshot, "sessionId": route.request.url.rsplit("/", 1)[1], "metadata": {}}
        ),
    )
    page.set_viewport_size({"width": 390, "height": 700})
    page.reload()
    everything = page.locator("[data-pills-all]")
    expect(everything).to_contain_text("9 imports in the background")
    expect(everything).to_contain_text("40%")
    expect(page.locator("import-pills")).to_be_hidden()
    everything.click()
    expect(page.locator("import-pills [data-session-id]")).to_have_count(9)
    expect(everything).to_have_attribute("aria-expanded", "true")
    corner = page.locator(".pill").bounding_box()
    pill = page.locator("import-pills [data-session-id]").first.bounding_box()
    assert corner["y"] >= 0 and corner["y"] + corner["height"] <= 700
    assert pill["x"] >= 0 and pill["x"] + pill["width"] <= 390
