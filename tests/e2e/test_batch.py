"""Several files at once: those that are chosen together are one list with one total, and every window shows what others import."""

from __future__ import annotations

import os

from playwright.sync_api import expect

from tests.e2e.accessibility import fits, violations_in_both_themes
from tests.e2e.modal import batch, choose, held, modal, part, payload, reaches, row_of
from tests.support.exports import scan

#: The files are parts of one scan.
ADDING = "Leave the others open"
UPLOAD = "**/api/vulnerabilities/import-staging"
REFUSAL = {"error": {"code": "STOPPING", "detail": "The server is being stopped."}}


def in_batch(page, name):
    """A file in the list of those that were imported together."""
    return batch(page).locator("[data-batch-files] > li").filter(has_text=name)


def test_three_files_of_which_one_fails_are_one_list_with_one_total(page, trouble):
    trouble.expect("answer: POST .*/import-staging 503")
    uploads = []

    def second_fails(route):
        uploads.append(route)
        if len(uploads) == 2:
            route.fulfill(status=503, json=REFUSAL)
        else:
            route.continue_()

    page.route(UPLOAD, second_fails)
    names = ["one-of-three.csv", "three-of-three.csv", "two-of-three.csv"]
    files = [payload(name, scan(range(20 * turn, 20 * turn + 20))) for turn, name in enumerate(names)]
    choose(page, files, source="several", mode=ADDING)
    summary = batch(page).locator("[data-batch-summary]")
    expect(summary).to_have_text("3 files: 2 imported, 1 failed; 40 new")
    expect(batch(page).locator("[data-batch-percent]")).to_have_text("100%")
    expect(in_batch(page, "one-of-three.csv")).to_contain_text("20 new")
    failed = next(name for name in names if in_batch(page, name).get_attribute("data-state") == "failed")
    expect(in_batch(page, failed)).to_contain_text("The server is being stopped.")
    assert violations_in_both_themes(page) == []

    page.reload()
    expect(summary).to_have_text("2 files: 2 imported; 40 new")  # the third was never on the server
    page.set_viewport_size({"width": 320, "height": 640})
    assert batch(page).evaluate("(dialog) => dialog.scrollWidth <= dialog.clientWidth")
    page.get_by_role("button", name="Dismiss one-of-three.csv").click()
    expect(summary).to_have_text("1 file: 1 imported; 20 new")
    page.keyboard.press("Escape")
    expect(batch(page)).to_be_hidden()
    expect(page.locator("import-pills [data-session-id]")).to_have_count(0)


def test_a_file_of_several_is_tried_again_in_its_place(page, trouble):
    trouble.expect("answer: POST .*/import-staging 503")
    page.route(UPLOAD, lambda route: route.fulfill(status=503, json=REFUSAL), times=1)
    files = [payload(name, scan([turn])) for turn, name in enumerate(("again-a.csv", "again-b.csv"))]
    choose(page, files, source="again", mode=ADDING)
    expect(batch(page).locator("[data-batch-summary]")).to_have_text("2 files: 1 imported, 1 failed; 1 new")
    in_batch(page, "again-a.csv").get_by_role("button", name="Try again").click()
    expect(batch(page).locator("[data-batch-summary]")).to_have_text("2 files: 2 imported; 2 new")
    expect(batch(page).locator("[data-batch-files] > li").first).to_contain_text("again-a.csv")
    in_batch(page, "again-a.csv").get_by_role("button", name="Show again-a.csv").click()
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


def test_the_oldest_file_is_sent_first_and_one_that_waits_for_it_can_be_cancelled(page, tmp_path):
    early = exported(tmp_path / "z-early.csv", scan(range(20)), 1)
    middle = exported(tmp_path / "middle.csv", scan(range(30)), 2)
    late = exported(tmp_path / "a-late.csv", scan(range(40)), 3)
    uploads = []
    page.route(UPLOAD, lambda route: uploads.append(route), times=1)
    choose(page, [late, middle, early], source="in order", mode=ADDING)
    expect(batch(page).locator('[data-field="filename"]')).to_have_text(["z-early.csv", "middle.csv", "a-late.csv"])
    while not uploads:
        page.wait_for_timeout(20)
    in_batch(page, "middle.csv").get_by_role("button", name="Show").click()
    expect(part(page, "message")).to_have_text("Waiting for other files to be sent…")
    part(page, "cancel").click()
    reaches(page, "cancelled")
    part(page, "close").click()
    expect(modal(page)).to_be_hidden()
    page.keyboard.press("Escape")
    expect(page.locator("import-pills button", has_text="3 imports")).to_be_visible()
    uploads.pop().continue_()
    for name in ("z-early.csv", "a-late.csv"):
        expect(row_of(page, name)).to_have_attribute("data-state", "completed", timeout=30_000)
    numbers = [int(row_of(page, name).get_attribute("data-import-id")) for name in ("z-early.csv", "a-late.csv")]
    assert numbers == sorted(numbers)
    expect(row_of(page, "middle.csv")).to_have_count(0)


def test_two_tabs_and_a_telephone_import_at_once_and_each_shows_all_three(open_context, server):
    desk = open_context()
    telephone = open_context(viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)
    windows = {"tab-1.csv": desk.new_page(), "tab-2.csv": desk.new_page(), "telephone.csv": telephone.new_page()}
    with held(server):
        for name, page in windows.items():
            page.goto("/imports")
            choose(page, payload(name, scan(range(50))), source=name)
            expect(modal(page)).to_be_visible()
        expect(part(windows["telephone.csv"], "message")).to_contain_text("Waiting for")
        for page in windows.values():
            page.keyboard.press("Escape")
            expect(page.locator("import-pills [data-session-id]")).to_have_count(3)
    for page in windows.values():
        for name in windows:
            expect(row_of(page, name).locator('[data-field="inserted"]')).to_have_text("50", timeout=30_000)
        fits(page)
        expect(page.locator("import-pills button")).to_have_count(0)  # each has been dismissed
