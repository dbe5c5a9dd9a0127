"""An import goes on without its modal, shows in the corner of every page, and comes back at a click."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.e2e.modal import UNDER_WAY, choose, fetched, figures, held, modal, part, payload, reaches, row_of
from tests.support.exports import export, row, scan


def test_the_modal_is_put_aside_shows_on_another_page_and_is_called_back(page, open_context, server):
    pill, icon = page.locator("import-pills button"), page.locator('link[rel="icon"]')
    other = open_context().new_page()
    with held(server):
        choose(page, payload("aside.csv", scan(range(40))), source="aside")
        reaches(page, UNDER_WAY)
        page.keyboard.press("Escape")
        expect(modal(page)).to_be_hidden()
        expect(pill).to_have_attribute("data-state", UNDER_WAY)
        expect(pill).to_contain_text("aside.csv")
        expect(pill).to_contain_text(re.compile(r"\d+%"))
        pill.click()
        expect(modal(page)).to_be_visible()
        expect(pill).to_have_count(0)
        part(page, "minimise").click()
        expect(modal(page)).to_be_hidden()

        page.get_by_role("link", name="Findings", exact=True).click()
        expect(pill).to_contain_text("aside.csv")
        expect(page).to_have_title(re.compile(r"^\d+% · Findings"))
        expect(icon).to_have_attribute("href", re.compile(r"^data:image/svg\+xml,"))

        other.goto("/imports")  # somebody else, who opens it from the list
        row_of(other, "aside.csv").get_by_role("button", name="Show progress").click()
        reaches(other, UNDER_WAY)
    reaches(other, "completed")
    assert figures(other)["inserted"] == 40
    expect(pill).to_have_attribute("data-state", "completed")
    expect(page).to_have_title(re.compile(r"^Findings"))
    expect(icon).to_have_attribute("href", re.compile(r"favicon\.svg$"))
    pill.click()
    reaches(page, "completed")


def test_the_corner_of_the_page_tells_of_rejected_rows_until_somebody_looks(page):
    rows = [row(host="host-1"), row(host="host-2", severity="Enormous")]
    choose(page, payload("corner.csv", export(rows)), source="corner", preview=True)
    reaches(page, "awaiting")
    part(page, "close").click()
    pill = page.locator("import-pills button")
    expect(pill).to_contain_text("Preview is ready")
    [waiting] = fetched(page, "/api/imports?unfinished=true")["data"]
    assert page.request.post(f"/api/imports/{waiting['importId']}/confirm").ok
    expect(pill).to_contain_text("Complete, 1 row rejected")
    expect(pill).to_have_attribute("data-state", "completed-with-rejects")
    pill.click()
    reaches(page, "completed")
    expect(part(page, "left-out")).to_have_text("1 row was rejected and not imported.")


def unfinished(page, of_each):
    """Let the page find imports under way, each with this metadata."""
    imports = [
        {"sessionId": f"session-{number}", "importId": number, "filename": f"{'long-' * 30}{number}.csv"}
        for number in range(len(of_each))
    ]
    snapshot = {"progress": 40, "status": "processing", "message": "", "timestamp": 0}

    def answer(route):
        session = route.request.url.rsplit("/", 1)[1]
        route.fulfill(json={**snapshot, "sessionId": session, "metadata": of_each[int(session.split("-")[1])]})

    page.route("**/api/imports?unfinished=true*", lambda route: route.fulfill(json={"data": imports}))
    page.route("**/api/progress/*", answer)
    page.reload()


def test_two_imports_in_the_background_are_one_pill_on_a_narrow_screen_which_says_what_one_needs(page):
    unfinished(page, [{}, {"awaitingConfirmation": True, "importId": 1}])
    everything, each = page.locator("[data-pills-all]"), page.locator("import-pills [data-session-id]")
    expect(each).to_have_count(2)
    expect(everything).to_be_hidden()
    page.set_viewport_size({"width": 390, "height": 700})
    expect(everything).to_contain_text("2 imports in the background")
    expect(everything).to_contain_text("Needs your confirmation")
    expect(everything).to_have_attribute("data-state", "awaiting")
    expect(each.first).to_be_hidden()
    page.set_viewport_size({"width": 1280, "height": 700})
    expect(each.first).to_be_visible()


def test_many_imports_in_the_background_are_one_pill_that_opens(page):
    page.set_viewport_size({"width": 390, "height": 700})
    unfinished(page, [{}] * 9)
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
