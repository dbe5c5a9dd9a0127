"""The chart of what was open over time, on the day on which a record begins; and the page of trends, whose choices are in its address."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from tests.support import client
from tests.support.exports import scan
from tests.support.server import running

#: Takes down the texts that a chart writes on its canvas.
_RECORD = """
window.drawn = [];
const write = CanvasRenderingContext2D.prototype.fillText;
CanvasRenderingContext2D.prototype.fillText = function (text, ...place) {
    window.drawn.push(text);
    write.call(this, text, ...place);
};
"""
#: Days as the chart writes them.
_WRITTEN = """
(days) => days.map((day) => new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" }).format(new Date(day)))
"""


@pytest.fixture
def server(browser):
    with running() as server:
        yield server


def test_a_single_scan_stands_in_its_own_week(context, server):
    today = datetime.now(UTC).date()
    status, _ = client.upload(server, scan([1, 2, 3], last_seen=f"{today}T08:00:00Z"))
    assert status == 200
    page = context.new_page()
    page.add_init_script(_RECORD)
    page.goto("/")
    page.wait_for_function("() => window.drawn.some((text) => /^\\d+ /.test(text))")
    week = page.evaluate(_WRITTEN, [str(today + timedelta(days=days)) for days in range(-3, 4)])
    labels = {text for text in page.evaluate("window.drawn") if re.match(r"\d+ ", text)}
    assert {week[3]} <= labels <= set(week)


def test_the_source_and_the_period_are_in_the_address(open_context, prepared):
    def chosen(page):
        return [page.locator(f"[data-trend-{name}]") for name in ("source", "period")]

    page = open_context(base_url=prepared.url).new_page()
    page.goto("/trends")
    source, period = chosen(page)
    period.select_option("")
    expect(page).to_have_url(re.compile(r"/trends\?period=all$"))
    with page.expect_response(lambda answer: "/api/trends/weeks?source=1" in answer.url):
        source.select_option("1")
    expect(page).to_have_url(re.compile(r"/trends\?source=1&period=all$"))

    sent = page.context.new_page()
    with sent.expect_response(lambda answer: answer.url.endswith("/api/trends/weeks?source=1")):
        sent.goto(page.url)
    for choice, value in zip(chosen(sent), ("1", ""), strict=True):
        expect(choice).to_have_value(value)
    expect(sent.locator("[data-trend-source] option:checked")).to_contain_text("Berlin")

    with page.expect_response(lambda answer: answer.url.endswith("/api/trends/weeks?")):
        page.go_back()
    expect(source).to_have_value("")
    expect(period).to_have_value("")
