"""An import that would resolve most of its source asks first."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.accessibility import violations
from tests.e2e.modal import choose, figures, findings_of, modal, part, payload, reaches, row_of
from tests.support.exports import scan

REASONS = [
    "90 of the 100 open findings of this source are not in the file.",
    "90 of the 100 hosts with open findings have none of them in the file.",
]


def ask(page: Page, source: str) -> None:
    """Import 100 findings, then a file with 10 of them."""
    choose(page, payload("hundred.csv", scan(range(100))), source=source)
    reaches(page, "completed")
    part(page, "close").click()
    choose(page, payload("ten.csv", scan(range(10))), source=source)
    reaches(page, "awaiting")
    expect(part(page, "message")).to_contain_text("would resolve 90 of 100 open findings")


def test_who_confirms_lets_it_go_on(page):
    ask(page, "confirmed")
    part(page, "confirm").click()
    reaches(page, "completed")
    assert figures(page) == {
        "inserted": 0, "updated": 0, "reopened": 0, "resolved": 90, "unchanged": 10, "rejected": 0
    }  # fmt: skip
    assert sum(finding["state"] == "resolved" for finding in findings_of(page, "confirmed")) == 90


def test_who_is_asked_reads_why(page):
    ask(page, "why")
    expect(part(page, "reasons").locator("li")).to_have_text(REASONS)
    expect(part(page, "live")).to_contain_text(REASONS[0])
    assert violations(page) == []
    part(page, "cancel").click()
    reaches(page, "cancelled")


def test_who_leaves_the_others_open_resolves_nothing(page):
    ask(page, "kept")
    modal(page).get_by_role("button", name="Leave the others open").click()
    reaches(page, "completed")
    assert figures(page) == {
        "inserted": 0, "updated": 0, "reopened": 0, "resolved": 0, "unchanged": 10, "rejected": 0
    }  # fmt: skip
    assert [finding["state"] for finding in findings_of(page, "kept")] == ["active"] * 100


def test_who_says_that_these_are_another_source_imports_them_there(page, trouble):
    trouble.expect("answer: POST .*/confirm 400")
    ask(page, "crowded")
    label = modal(page).get_by_label("The file is from another source, called")
    label.fill("crowded")
    label.press("Enter")
    expect(part(page, "notice")).to_contain_text("already the source of the import")
    expect(label).to_have_value("crowded")
    label.fill("apart")
    label.press("Enter")
    reaches(page, "completed")
    assert figures(page)["inserted"] == 10
    assert (len(findings_of(page, "apart")), len(findings_of(page, "crowded"))) == (10, 100)


def test_another_source_that_has_findings_is_asked_about_anew(page):
    choose(page, payload("forty.csv", scan(range(40))), source="asked too")
    reaches(page, "completed")
    part(page, "close").click()
    ask(page, "asked first")
    modal(page).get_by_label("The file is from another source, called").fill("asked too")
    modal(page).get_by_role("button", name="Import as another source").click()
    expect(part(page, "message")).to_contain_text("would resolve 30 of 40 open findings")
    expect(modal(page).get_by_label("The file is from another source, called")).to_have_value("")
    part(page, "confirm").click()
    reaches(page, "completed")
    assert figures(page)["resolved"] == 30
    assert {finding["state"] for finding in findings_of(page, "asked first")} == {"active"}


@pytest.mark.parametrize(
    "answer", ["Confirm import", "Leave the others open", "Import as another source", "Cancel import"]
)
def test_the_page_of_the_import_asks_as_well(page, answer):
    source = f"page {answer}"
    ask(page, source)
    part(page, "details").click()
    card = page.locator("[data-import-question]")
    expect(card).to_be_visible()
    expect(modal(page)).to_be_hidden()
    expect(card).to_contain_text("This import would resolve 90 of 100 open findings of this source.")
    expect(card.locator("[data-import-reasons] li")).to_have_text(REASONS)
    assert violations(page) == []
    if answer == "Import as another source":
        card.get_by_label("The file is from another source, called").fill(f"{source}, other")
    card.get_by_role("button", name=answer).click()
    if answer != "Cancel import":
        reaches(page, "completed")
        part(page, "close").click()
    expect(card).to_be_hidden()
    expect(page.locator("[data-import-state]")).to_have_text("Cancelled" if answer == "Cancel import" else "Completed")
    left = 10 if answer == "Confirm import" else 100
    assert sum(finding["state"] == "active" for finding in findings_of(page, source)) == left


def test_who_cancels_leaves_everything_as_it_was(page):
    ask(page, "declined")
    part(page, "cancel").click()
    reaches(page, "cancelled")
    states = [finding["state"] for finding in findings_of(page, "declined")]
    assert states == ["active"] * 100


def test_who_decides_later_finds_the_question_again(page):
    ask(page, "later")
    expect(part(page, "close")).to_have_text("Decide later")
    part(page, "close").click()
    expect(modal(page)).to_be_hidden()
    pill = page.locator("import-pills button")
    expect(pill).to_contain_text("Needs your confirmation")
    page.reload()
    expect(pill).to_contain_text("Needs your confirmation")
    row_of(page, "ten.csv").get_by_role("button", name="Review").click()
    reaches(page, "awaiting")
    part(page, "confirm").click()
    reaches(page, "completed")
    assert figures(page)["resolved"] == 90
