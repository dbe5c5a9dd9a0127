"""An import that would resolve most of its source asks first."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.e2e.accessibility import violations, violations_in_both_themes
from tests.e2e.modal import bring, choose, figures, findings_of, modal, part, payload, reaches, row_of
from tests.support.exports import scan

REASONS = [
    "90 of the 100 open findings of this source are not in the file.",
    "90 of the 100 hosts with open findings have none of them in the file.",
]


def ask(page: Page, source: str) -> None:
    """Import a file with 10 of the 100 findings that a source has."""
    bring(page.request, f"{source}-100.csv", scan(range(100)), source=source)
    choose(page, payload(f"{source}-10.csv", scan(range(10))), source=source)
    reaches(page, "awaiting")
    expect(part(page, "message")).to_contain_text("would resolve 90 of 100 open findings")


def states(page: Page, source: str) -> list[str]:
    return [finding["state"] for finding in findings_of(page, source)]


def test_who_is_asked_reads_why_decides_later_and_confirms(page):
    ask(page, "later")
    expect(part(page, "reasons").locator("li")).to_have_text(REASONS)
    expect(part(page, "live")).to_contain_text(REASONS[0])
    assert violations_in_both_themes(page) == []
    for key in ["Tab"] * 8 + ["Shift+Tab"] * 8:
        page.keyboard.press(key)
        # between its last and its first element a dialog hands the focus to the browser's own bars
        assert page.evaluate(
            "() => document.activeElement === document.body || !!document.activeElement.closest('dialog')"
        )

    expect(part(page, "close")).to_have_text("Decide later")
    part(page, "close").click()
    expect(modal(page)).to_be_hidden()
    pill = page.locator("import-pills button")
    expect(pill).to_contain_text("Needs your confirmation")
    page.reload()
    expect(pill).to_contain_text("Needs your confirmation")
    row_of(page, "later-10.csv").get_by_role("button", name="Review").click()
    reaches(page, "awaiting")
    part(page, "confirm").click()
    reaches(page, "completed")
    assert figures(page) == {
        "inserted": 0, "updated": 0, "reopened": 0, "resolved": 90, "unchanged": 10, "rejected": 0
    }  # fmt: skip
    assert states(page, "later").count("resolved") == 90


def test_who_says_that_these_are_another_source_imports_them_there(page, trouble):
    trouble.expect("answer: POST .*/confirm 400")
    bring(page.request, "apart-40.csv", scan(range(40)), source="apart")
    ask(page, "crowded")
    label = modal(page).get_by_label("The file is from another source, called")
    label.fill("crowded")
    label.press("Enter")
    expect(part(page, "notice")).to_contain_text("already the source of the import")
    expect(label).to_have_value("crowded")
    label.fill("apart")
    label.press("Enter")
    expect(part(page, "message")).to_contain_text("would resolve 30 of 40 open findings")  # it asks anew
    expect(label).to_have_value("")
    part(page, "confirm").click()
    reaches(page, "completed")
    assert figures(page)["resolved"] == 30
    assert (states(page, "apart").count("resolved"), set(states(page, "crowded"))) == (30, {"active"})


def test_who_cancels_or_leaves_the_others_open_resolves_nothing(page):
    ask(page, "kept")
    part(page, "cancel").click()
    reaches(page, "cancelled")
    part(page, "close").click()
    choose(page, payload("kept-10.csv", scan(range(10))), source="kept")
    reaches(page, "awaiting")
    modal(page).get_by_role("button", name="Leave the others open").click()
    reaches(page, "completed")
    assert figures(page) == {
        "inserted": 0, "updated": 0, "reopened": 0, "resolved": 0, "unchanged": 10, "rejected": 0
    }  # fmt: skip
    assert states(page, "kept") == ["active"] * 100


def test_the_page_of_the_import_asks_as_well(page):
    ask(page, "asked there")
    part(page, "details").click()
    card = page.locator("[data-import-question]")
    expect(card).to_be_visible()
    expect(modal(page)).to_be_hidden()
    expect(card).to_contain_text("This import would resolve 90 of 100 open findings of this source.")
    expect(card.locator("[data-import-reasons] li")).to_have_text(REASONS)
    assert violations(page) == []
    for button in ("Confirm import", "Leave the others open", "Cancel import"):
        expect(card.get_by_role("button", name=button)).to_be_enabled()
    card.get_by_label("The file is from another source, called").fill("answered there")
    card.get_by_role("button", name="Import as another source").click()
    reaches(page, "completed")
    part(page, "close").click()
    expect(card).to_be_hidden()
    expect(page.locator("[data-import-state]")).to_have_text("Completed")
    assert (states(page, "answered there"), states(page, "asked there")) == (["active"] * 10, ["active"] * 100)
