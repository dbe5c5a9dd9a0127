"""A file goes in: it is recognised, imported live from the upload to the final figures, or refused with the reason."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.e2e.accessibility import violations, violations_in_both_themes
from tests.e2e.modal import (
    MANY,
    UPLOAD_LIMIT,
    choose,
    fetched,
    figures,
    has_advanced,
    modal,
    part,
    payload,
    reaches,
    reaches_percent,
    row_of,
    sheet,
    show,
    shown,
)
from tests.support.exports import COLUMNS, export, row, scan

#: In milliseconds.
AN_HOUR = 3_600_000
PEOPLE = b"name,street,town,phone\r\nAda,1 High Street,London,555\r\n"
DROPPED = """({ text, names }) => {
    const transfer = new DataTransfer();
    for (const name of names) transfer.items.add(new File([text], name, { type: "text/csv" }));
    return transfer;
}"""


def drop(page: Page, text: str, *names: str) -> None:
    """Drag files over a page, and drop them there."""
    transfer = page.evaluate_handle(DROPPED, {"text": text, "names": names})
    page.dispatch_event("body", "dragenter", {"dataTransfer": transfer})
    expect(page.get_by_text("Drop to import")).to_be_visible()
    page.dispatch_event("body", "drop", {"dataTransfer": transfer})
    expect(page.get_by_text("Drop to import")).to_be_hidden()


def fact(page: Page, name: str) -> Locator:
    return sheet(page).locator(f'[data-fact="{name}"] dd')


def test_a_file_that_is_chosen_while_the_sheet_closes_is_kept(page):
    """The browser tells of the closing later, so a file can come in between."""
    show(page, payload("first.csv", scan(range(3))))
    expect(fact(page, "rows")).to_be_visible()
    page.evaluate("""() => {
        const chosen = new DataTransfer(), input = document.querySelector("import-form input[name=csvFile]");
        chosen.items.add(new File(["a,b\\n1,2\\n"], "second.csv"));
        document.querySelector("#import-sheet").close();
        input.files = chosen.files;
        input.dispatchEvent(new Event("change", { bubbles: true }));
    }""")
    expect(sheet(page).locator("[data-sheet-files] > *")).to_have_count(1)
    expect(sheet(page)).to_contain_text("second.csv")
    expect(sheet(page).get_by_role("button", name="Choose another file")).to_be_visible()


def test_a_large_file_is_recognised_by_its_first_part_and_imported_live(page, many):
    sent = []
    page.on("request", lambda request: sent.append(request) if request.url.endswith("/recognise") else None)
    show(page, many)
    expect(fact(page, "rows")).to_contain_text("about ")
    [request] = sent
    assert int(request.all_headers()["content-length"]) < 270_000
    page.keyboard.press("Escape")

    bar, live = part(page, "bar"), part(page, "live")
    choose(page, many, source="live")
    reaches_percent(page, 1)
    expect(bar).to_have_role("progressbar")
    expect(live).to_have_role("status")
    expect(live).to_contain_text("Importing:")
    reaches(page, "completed")
    has_advanced(page, places=5)
    states = list(dict.fromkeys(moment["state"] for moment in shown(page)))
    assert [state for state in states if state != "waiting"] == ["uploading", "running", "completed"]
    assert any(f"Saving {MANY:,} findings" in moment["message"] for moment in shown(page))
    assert figures(page) == {
        "inserted": MANY, "updated": 0, "reopened": 0, "resolved": 0, "unchanged": 0, "rejected": 0
    }  # fmt: skip
    expect(bar).to_have_attribute("aria-valuenow", "100")
    expect(live).to_contain_text(f"Import complete: {MANY:,} inserted")
    expect(part(page, "duration")).to_contain_text("Done in")
    expect(part(page, "steps").locator('[data-status="done"]')).to_have_count(4)

    part(page, "close").click()
    expect(modal(page)).to_be_hidden()
    listed = row_of(page, many.name)
    expect(listed).to_have_attribute("data-state", "completed")
    expect(listed.locator('[data-field="rowsRead"]')).to_have_text(f"{MANY:,}")
    expect(listed.locator('[data-field="inserted"]')).to_have_text(f"{MANY:,}")
    expect(listed.locator('[data-field="scanner"]')).to_contain_text("live")


def test_a_file_that_is_dropped_on_the_dashboard_is_shown_and_imported_at_a_click(page):
    page.goto("/")
    imports = fetched(page, "/api/imports")["pagination"]["total"]
    rows = [row(host=f"host-{number}", asset_name=f"web{number}", **{"Our note": "x"}) for number in range(40)]
    drop(page, export(rows, (*COLUMNS, "Our note")).decode(), "dropped.csv")
    expect(sheet(page).get_by_role("heading")).to_have_text("Import this file?")
    expect(fact(page, "scanner")).to_have_text("Tenable Vulnerability Management")
    expect(fact(page, "scanDate")).to_have_text("2026-08-01, the latest date in the file")
    expect(fact(page, "rows")).to_have_text("40 rows with 17 columns")
    expect(fact(page, "unused")).to_have_text("1 column: Our note")
    sheet(page).get_by_label("Source label").fill("dropped")
    expect(fact(page, "source")).to_have_text("dropped, a new source")
    assert fetched(page, "/api/imports")["pagination"]["total"] == imports
    sheet(page).get_by_role("button", name="Import").click()
    reaches(page, "completed")
    assert figures(page)["inserted"] == 40
    part(page, "new").click()
    expect(page.locator("[data-page-info]")).to_contain_text("40")


def test_an_import_by_keyboard_alone(page):
    # listened to from the start: the browser is told without waiting for it
    file = payload("keys.csv", scan(range(200, 203), port="22"))
    page.on("filechooser", lambda chooser: chooser.set_files(file))
    expect(page.locator("imports-list")).not_to_have_attribute("data-view", "loading")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    page.keyboard.press("Tab")
    field = page.locator("import-form input[name=csvFile]")
    expect(field).to_be_focused()
    page.keyboard.press("Enter")
    expect(sheet(page).locator("[data-sheet-import]")).to_be_focused()
    page.keyboard.press("Enter")
    reaches(page, "completed")
    expect(part(page, "close")).to_be_focused()
    expect(part(page, "countdown")).to_be_empty()
    page.keyboard.press("Enter")
    expect(modal(page)).to_be_hidden()
    expect(field).to_be_focused()


def test_a_finished_import_closes_by_itself_unless_somebody_reads_it(page):
    page.clock.install()
    modal(page).evaluate(f"(dialog) => {{ dialog.dataset.autoCloseMs = {AN_HOUR} }}")
    choose(page, payload("closes.csv", scan(range(3))), source="closes")
    reaches(page, "completed")
    expect(part(page, "countdown")).to_contain_text("Closes in")
    page.clock.fast_forward(AN_HOUR)
    expect(modal(page)).to_be_hidden()

    choose(page, payload("stays.csv", scan(range(3), port="22")), source="closes", mode="Leave the others open")
    reaches(page, "completed")
    expect(part(page, "countdown")).to_contain_text("Closes in")
    part(page, "figures").hover()
    expect(part(page, "countdown")).to_be_empty()
    page.clock.fast_forward(2 * AN_HOUR)
    expect(modal(page)).to_be_visible()


def test_what_is_no_export_is_refused_with_the_reason_and_options_hold_for_one_file(page):
    show(page, payload("nothing.csv", b""))
    expect(sheet(page).locator('[data-field="problem"]')).to_have_text("The file is empty.")
    show(page, payload("people.csv", PEOPLE))
    expect(sheet(page).locator('[data-field="problem"]')).to_contain_text("not from a supported scanner")
    expect(sheet(page).locator("[data-sheet-import]")).to_be_hidden()
    with page.expect_file_chooser() as chooser:
        sheet(page).get_by_role("button", name="Choose another file").click()
    chooser.value.set_files(payload("chosen.csv", scan([1])))
    sheet(page).get_by_label("Source label").fill("once")
    sheet(page).get_by_label("Ask before saving").check()
    sheet(page).get_by_role("button", name="Cancel", exact=True).last.click()
    expect(sheet(page)).to_be_hidden()
    show(page, [payload("one-of-two.csv", scan(range(100))), payload("people.csv", PEOPLE)])
    expect(sheet(page).locator("[data-sheet-import]")).to_have_text("Import 1 file")
    expect(sheet(page).get_by_label("Source label")).to_have_value("")
    expect(sheet(page).get_by_label("Ask before saving")).not_to_be_checked()
    sheet(page).locator(".options > summary").click()
    assert violations_in_both_themes(page) == []


FORGET_THE_LIMIT = """
    new MutationObserver(() => document.querySelector("import-sheet")?.removeAttribute("data-max-bytes"))
        .observe(document, { childList: true, subtree: true });
"""


def test_a_file_over_the_limit_is_not_sent_and_the_answer_of_the_server_is_shown(page, trouble, tmp_path: Path):
    trouble.expect("answer: POST .*/import-staging 413", "answer: POST .*/recognise 413")
    big = tmp_path / "big.csv"
    big.write_bytes(scan([1], description="x" * UPLOAD_LIMIT))
    show(page, big)
    expect(sheet(page).locator('[data-field="problem"]')).to_contain_text("The file is too large: it has 60")
    expect(sheet(page).locator("[data-sheet-import]")).to_be_hidden()

    page.add_init_script(FORGET_THE_LIMIT)
    page.reload()
    page.route("**/api/imports/recognise", lambda route: route.fulfill(status=413, body="<h1>413</h1>"))
    show(page, big)
    expect(sheet(page)).to_contain_text("A proxy in front of the server does not accept files of this size.")
    page.keyboard.press("Escape")
    choose(page, big, source="big")
    reaches(page, "failed")
    expect(part(page, "error")).to_have_text("The file is larger than this server accepts.")
    expect(part(page, "error-code")).to_have_text("UPLOAD_TOO_LARGE")
    part(page, "close").click()
    expect(row_of(page, "big.csv")).to_have_count(0)


def test_an_import_of_which_no_row_is_right_fails_and_another_file_is_offered(page):
    choose(page, payload("bad.csv", export([row(severity="Enormous")])), source="bad")
    reaches(page, "failed")
    expect(part(page, "title")).to_have_text("Import failed")
    expect(part(page, "error")).to_contain_text("None of the 1 rows can be imported")
    expect(part(page, "figures")).to_be_hidden()
    expect(part(page, "retry")).to_be_hidden()
    assert violations_in_both_themes(page) == []
    with page.expect_file_chooser() as chooser:
        part(page, "another").click()
    chooser.value.set_files(payload("good.csv", scan(range(5))))
    expect(sheet(page)).to_contain_text("5 rows")
    page.keyboard.press("Escape")
    expect(row_of(page, "bad.csv")).to_have_attribute("data-state", "failed")
    expect(row_of(page, "bad.csv").locator('[data-field="error"]')).to_contain_text("None of the 1 rows")

    row_of(page, "bad.csv").get_by_role("button", name="Delete the import of bad.csv").click()
    question = page.get_by_role("dialog", name="Delete this import?")
    assert violations(page) == []
    question.get_by_role("button", name="Delete").click()
    expect(row_of(page, "bad.csv")).to_have_count(0)
