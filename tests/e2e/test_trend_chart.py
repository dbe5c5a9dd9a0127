"""The chart of what was open over time, on the day on which a record begins."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

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
