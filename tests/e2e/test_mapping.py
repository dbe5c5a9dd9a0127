"""A file that no format knows: its columns and values are mapped, tried and saved; then the mapping is changed, replaced and deleted."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.e2e.accessibility import violations
from tests.e2e.modal import choose, fetched, figures, modal, part, payload, reaches, row_of, sheet, show

HEADER = "Machine;Problem;How bad;<b>Notes\n"
FILE = (HEADER + "web1;Old TLS;Very bad;<img src=x>\nweb2;Old TLS;Low;y\n").encode()


def counts(page):
    return page.locator("[data-mapping-counts]")


def test_a_file_is_mapped_tried_imported_and_its_mapping_changed(page, trouble):
    trouble.expect("answer: POST .*/api/mappings 409")
    show(page, payload("ours.csv", FILE))
    map_it = sheet(page).get_by_role("button", name="Choose the columns")
    expect(map_it).to_be_visible()
    sheet(page).get_by_label("Source label").fill("mapped")
    map_it.click()
    expect(page.get_by_label("Machine", exact=True)).to_have_value("host")
    expect(page.locator("[data-column-sample]").last).to_have_text("<img src=x> · y")
    expect(page.locator("[data-mapping-missing]")).to_have_text("Still missing: the severity.")
    page.get_by_label("Name of the scanner").fill("Ours")
    page.get_by_role("button", name="Save and import").click()
    expect(page.locator("[data-mapping-error]")).to_contain_text("No column is mapped to the severity")

    severity = page.get_by_label("How bad", exact=True)
    severity.select_option(label="Severity")
    expect(counts(page)).to_have_text("2 rows tried: 1 finding, 1 rejected.")
    expect(severity).to_have_accessible_description(
        "1 row rejected, the first on line 2 (“Very bad”): This scanner does not use this severity."
    )
    expect(page.locator("[data-mapping-examples] > li").first).to_contain_text(
        "This scanner does not use this severity."
    )
    assert violations(page) == []
    notes = page.get_by_label("<b>Notes", exact=True)
    notes.select_option(label="Title")
    expect(notes).to_have_accessible_description("Title is already mapped to the column Problem.")
    notes.select_option(label="Other detail of the finding")
    page.get_by_label("Very bad means").select_option(label="Critical")
    expect(counts(page)).to_have_text("2 rows tried: 2 findings.")
    expect(page.locator("[data-example-severity]").first).to_have_text("critical")
    page.get_by_role("button", name="Save and import").click()
    reaches(page, "completed")
    assert figures(page)["inserted"] == 2
    part(page, "close").click()
    expect(modal(page)).to_be_hidden()

    page.goto("/imports")
    choose(page, payload("again.csv", FILE + b"web3;Old TLS;Awful;z\n"), source="mapped")
    reaches(page, "completed")
    assert (figures(page)["unchanged"], figures(page)["rejected"]) == (2, 1)
    part(page, "close").click()
    expect(row_of(page, "again.csv").locator('[data-field="scanner"]')).to_contain_text("Ours · mapped")

    latest = fetched(page, "/api/imports")["data"][0]["importId"]
    page.goto(f"/imports/{latest}")
    page.get_by_role("link", name="Change the mapping").click()
    page.get_by_label("Awful means").select_option(label="High")
    page.get_by_label("Name of the scanner").fill("Acme")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("[data-mapping-notice]")).to_contain_text("The mapping was saved")
    page.goto("/mappings")
    expect(page.locator("[data-mapping-list] tr")).to_contain_text(["Acme"])
    assert violations(page) == []
    [mapping] = fetched(page, "/api/mappings")["data"]
    assert mapping["meanings"] == {"severity": {"very bad": "critical", "awful": "high"}}

    page.goto("/imports")
    show(page, payload("other.csv", FILE.replace(b"Notes", b"Remarks")))
    map_it = sheet(page).get_by_role("button", name="Choose the columns")
    expect(map_it).to_be_visible()
    sheet(page).get_by_label("Source label").fill("mapped")
    map_it.click()
    page.get_by_label("How bad", exact=True).select_option(label="Severity")
    page.get_by_label("Name of the scanner").fill("Acme")
    page.get_by_role("button", name="Save and import").click()
    page.get_by_role("button", name="Replace").click()
    reaches(page, "completed")
    assert figures(page)["unchanged"] == 1
    part(page, "close").click()

    page.goto("/mappings")
    page.get_by_role("button", name="Delete Acme").click()
    page.locator("confirm-dialog").get_by_role("button", name="Delete").click()
    expect(page.locator("mappings-page")).to_have_attribute("data-view", "empty")
    assert {
        source["scannerName"] for source in fetched(page, "/api/sources")["data"] if source["source"] == "mapped"
    } == {"Acme"}
