"""A cancelled import, and an upload that is stopped, change nothing."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.e2e.accessibility import violations_in_both_themes
from tests.e2e.modal import choose, fetched, figures, modal, part, payload, reaches, reaches_percent, row_of
from tests.support.exports import scan


def test_a_cancelled_import_changes_nothing(page, many):
    before = fetched(page, "/api/vulnerabilities/stats")
    choose(page, many, source="cancelled")
    reaches_percent(page, 5)
    part(page, "cancel").click()
    reaches(page, "cancelled")
    expect(part(page, "title")).to_have_text("Import cancelled")
    expect(part(page, "message")).to_contain_text("no finding was changed")
    expect(part(page, "cancel")).to_be_hidden()
    assert violations_in_both_themes(page) == []
    part(page, "close").click()
    expect(row_of(page, many.name)).to_have_attribute("data-state", "cancelled")
    after = fetched(page, "/api/vulnerabilities/stats")
    assert (after["total"], after["byState"]) == (before["total"], before["byState"])

    choose(page, payload("after-cancel.csv", scan(range(5))), source="cancelled")
    reaches(page, "completed")
    assert figures(page)["inserted"] == 5


def test_an_upload_can_be_stopped(page, tmp_path):
    file = tmp_path / "stopped.csv"
    file.write_bytes(scan([1], description="x" * 30_000_000))
    imports = fetched(page, "/api/imports")["pagination"]["total"]
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 1_000_000}
    network.send("Network.emulateNetworkConditions", slow)
    choose(page, file, source="stopped")
    reaches(page, "uploading")
    expect(part(page, "rows")).to_contain_text("MB of")
    part(page, "cancel").click()
    reaches(page, "cancelled")
    expect(part(page, "message")).to_contain_text("The upload was cancelled")
    part(page, "close").click()
    expect(modal(page)).to_be_hidden()
    assert fetched(page, "/api/imports")["pagination"]["total"] == imports
