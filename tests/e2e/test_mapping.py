"""A file that no format knows: its columns are mapped once, and recognised from then on."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.e2e.accessibility import violations
from tests.e2e.modal import choose, figures, modal, part, payload, reaches, row_of

HEADER = "Machine;Problem;How bad;<b>Notes\n"
FILE = (HEADER + "web1;Old TLS;High;<img src=x>\nweb2;Old TLS;Low;y\n").encode()


def test_an_unknown_file_is_mapped_and_imported(page, trouble):
    trouble.expect("answer: POST .*/api/mappings 400")
    choose(page, payload("ours.csv", FILE), source="mapped")
    reaches(page, "failed")
    part(page, "map").click()
    expect(page.locator("[data-mapping-header] th")).to_have_text(["Machine", "Problem", "How bad", "<b>Notes"])
    expect(page.locator("[data-mapping-rows] tr").first).to_contain_text("<img src=x>")
    expect(page.get_by_label("Host, a name or an address")).to_have_value("Machine")
    assert violations(page) == []

    page.get_by_label("Name of this format").fill("Ours")
    page.get_by_role("button", name="Save and import").click()
    expect(page.locator("[data-mapping-error]")).to_contain_text("which column holds the severity")
    page.get_by_label("Severity", exact=True).select_option("How bad")
    page.get_by_role("button", name="Save and import").click()
    reaches(page, "completed")
    assert figures(page)["inserted"] == 2
    part(page, "close").click()
    expect(modal(page)).to_be_hidden()

    page.goto("/imports")
    choose(page, payload("again.csv", FILE), source="mapped")
    reaches(page, "completed")
    assert figures(page)["unchanged"] == 2
    part(page, "close").click()
    expect(row_of(page, "again.csv").locator('[data-field="scanner"]')).to_contain_text("Ours · mapped")
