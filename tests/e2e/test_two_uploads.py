"""Imports that come at once are done one after the other, each with the right figures."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.e2e.accessibility import violations
from tests.e2e.modal import MANY, batch, choose, figures, modal, part, payload, reaches, reaches_percent, row_of, shown
from tests.support.exports import scan
from tests.support.server import Server, running


@pytest.fixture(scope="module")
def server(browser) -> Iterator[Server]:
    with running() as server:
        yield server


def test_of_two_uploads_from_two_pages_one_waits_and_says_so(page, open_context, many):
    other = open_context().new_page()
    other.goto("/imports")
    choose(page, many, source="first")
    reaches_percent(page, 1)
    choose(other, payload("second.csv", scan(range(50))), source="second")
    reaches(page, "completed")
    reaches(other, "completed")
    assert figures(page)["inserted"] == MANY
    assert figures(other)["inserted"] == 50
    assert any("Waiting for another import" in moment["message"] for moment in shown(other))


#: The files are parts of one scan.
ADDING = "Leave the others open"
UPLOAD = "**/api/vulnerabilities/import-staging"


def in_batch(page, name):
    """A file in the list of those that were imported together."""
    return batch(page).locator("[data-batch-files] > li").filter(has_text=name)


def test_three_files_of_which_one_fails_are_one_list_with_one_total(page, trouble):
    trouble.expect("answer: POST .*/import-staging 503")
    uploads = []

    def second_fails(route):
        uploads.append(route)
        if len(uploads) == 2:
            route.fulfill(status=503, json={"error": {"code": "STOPPING", "detail": "The server is being stopped."}})
        else:
            route.continue_()

    page.route(UPLOAD, second_fails)
    names = ["one.csv", "three.csv", "two.csv"]
    files = [payload(name, scan(range(20 * turn, 20 * turn + 20))) for turn, name in enumerate(names)]
    choose(page, files, source="several", mode=ADDING)
    summary = batch(page).locator("[data-batch-summary]")
    expect(summary).to_have_text("3 files: 2 imported, 1 failed; 40 new")
    expect(batch(page).locator("[data-batch-percent]")).to_have_text("100%")
    expect(in_batch(page, "one.csv")).to_contain_text("20 new")
    failed = next(name for name in names if in_batch(page, name).get_attribute("data-state") == "failed")
    expect(in_batch(page, failed)).to_contain_text("The server is being stopped.")
    assert violations(page) == []

    page.reload()
    expect(summary).to_have_text("2 files: 2 imported; 40 new")  # the third was never on the server
    page.set_viewport_size({"width": 320, "height": 640})
    assert batch(page).evaluate("(dialog) => dialog.scrollWidth <= dialog.clientWidth")
    page.get_by_role("button", name="Dismiss one.csv").click()
    expect(summary).to_have_text("1 file: 1 imported; 20 new")
    page.keyboard.press("Escape")
    expect(batch(page)).to_be_hidden()
    expect(page.locator("import-pills [data-session-id]")).to_have_count(0)


def test_a_file_of_several_is_tried_again_in_its_place(page, trouble):
    trouble.expect("answer: POST .*/import-staging 503")
    refusal = {"error": {"code": "STOPPING", "detail": "The server is being stopped."}}
    page.route(UPLOAD, lambda route: route.fulfill(status=503, json=refusal), times=1)
    files = [payload(name, scan([turn])) for turn, name in enumerate(("a.csv", "b.csv"))]
    choose(page, files, source="again", mode=ADDING)
    expect(batch(page).locator("[data-batch-summary]")).to_have_text("2 files: 1 imported, 1 failed; 1 new")
    page.keyboard.press("Escape")
    expect(batch(page)).to_be_hidden()
    expect(page.locator("import-pills [data-session-id]")).to_have_count(0)

    page.route(UPLOAD, lambda route: route.fulfill(status=503, json=refusal), times=1)
    choose(page, files, source="again", mode=ADDING)
    expect(in_batch(page, "a.csv")).to_have_attribute("data-state", "failed")
    in_batch(page, "a.csv").get_by_role("button", name="Try again").click()
    expect(batch(page).locator("[data-batch-summary]")).to_have_text("2 files: 2 imported; 1 new")
    expect(batch(page).locator("[data-batch-files] > li").first).to_contain_text("a.csv")
    in_batch(page, "a.csv").get_by_role("button", name="Show a.csv").click()
    reaches(page, "completed")
    part(page, "new").click()
    expect(page.locator("[data-finding-id]")).to_have_count(1)
    page.locator("import-pills button", has_text="2 imports").click()
    expect(batch(page)).to_be_visible()


def exported(path, content, day):
    """A file that was last written on this day of a month."""
    path.write_bytes(content)
    os.utime(path, (86_400 * day, 86_400 * day))
    return path


def test_of_several_files_the_oldest_is_imported_first_however_long_it_takes_to_send(page, tmp_path, many):
    older = exported(tmp_path / "z.csv", many.read_bytes(), 1)
    newer = exported(tmp_path / "a.csv", scan(range(30)), 8)
    choose(page, [newer, older], source="weeks", mode=ADDING)
    expect(batch(page).locator('[data-field="filename"]')).to_have_text(["z.csv", "a.csv"])
    for name in ("z.csv", "a.csv"):
        expect(row_of(page, name)).to_have_attribute("data-state", "completed", timeout=30_000)
    numbers = {name: int(row_of(page, name).get_attribute("data-import-id")) for name in ("z.csv", "a.csv")}
    assert numbers["z.csv"] < numbers["a.csv"]


def test_a_file_that_waits_for_another_to_be_sent_can_be_cancelled(page, tmp_path, many):
    first = exported(tmp_path / "early.csv", many.read_bytes(), 1)
    second = exported(tmp_path / "middle.csv", scan(range(30)), 2)
    third = exported(tmp_path / "late.csv", scan(range(40)), 3)
    held = []
    page.route(UPLOAD, lambda route: held.append(route), times=1)
    choose(page, [first, second, third], source="cancelled", mode=ADDING)
    while not held:
        page.wait_for_timeout(20)
    in_batch(page, "middle.csv").get_by_role("button", name="Show").click()
    expect(part(page, "message")).to_have_text("Waiting for other files to be sent…")
    part(page, "cancel").click()
    reaches(page, "cancelled")
    part(page, "close").click()
    expect(modal(page)).to_be_hidden()
    page.keyboard.press("Escape")
    expect(page.locator("import-pills button", has_text="3 imports")).to_be_visible()
    held.pop().continue_()
    for name in ("early.csv", "late.csv"):
        expect(row_of(page, name)).to_have_attribute("data-state", "completed", timeout=30_000)
    expect(row_of(page, "middle.csv")).to_have_count(0)
