"""What the lines above a header say of the date of the scan."""

from __future__ import annotations

from datetime import date

import pytest

from hextrackr.ingest import scan_date

TODAY = date(2026, 9, 15)
QUALYS_HEAD = ["Launch Date", "Active Hosts", "Total Hosts", "Type", "Status", "Scan Title"]


@pytest.mark.parametrize(
    ("rows", "launched", "made"),
    [
        pytest.param([], None, None, id="nothing"),
        pytest.param(
            [
                ["Scan Results", "08/31/2025 at 21:05:46 (GMT-0500)"],
                QUALYS_HEAD,
                ["08/30/2025 at 08:19:13 (GMT-0500)", "1", "1", "On-demand", "Finished", "Weekly"],
            ],
            date(2025, 8, 30),
            date(2025, 8, 31),
            id="Qualys scan results",
        ),
        pytest.param(
            [QUALYS_HEAD, ["08/30/2025", "1"], ["09/02/2025", "1"]], date(2025, 9, 2), None, id="several scans"
        ),
        pytest.param(
            [["Scan Title", "Status", "Launch Date"], ["Weekly scan", "Finished", "08/30/2025 at 08:19"]],
            date(2025, 8, 30),
            None,
            id="another order of columns",
        ),
        pytest.param(
            [["Asset Vuln Datalist Report", "04 Feb 2026 10:00AM GMT-0500", "1"], ["Example Co", "1 Main St"]],
            None,
            date(2026, 2, 4),
            id="VMDR",
        ),
        pytest.param([["Scan Date: 2026-08-20"]], date(2026, 8, 20), None, id="label and value in one cell"),
        pytest.param([["# Scan started at 2026-08-20 10:00:00"]], date(2026, 8, 20), None, id="a comment"),
        pytest.param([["Scan Date: Aug 20", " 2026 10:00 AM"]], date(2026, 8, 20), None, id="a comma within"),
        pytest.param([["Scan Date", "20-Aug-26"]], date(2026, 8, 20), None, id="label beside the value"),
        pytest.param(
            [["Report Title", "Weekly"], ["Scan Start", "20/08/2026"]], date(2026, 8, 20), None, id="under a title"
        ),
        pytest.param([["Date", "08/20/2026"]], None, date(2026, 8, 20), id="any date"),
        pytest.param([["Report generated on 2026-08-20 10:00"]], None, date(2026, 8, 20), id="a sentence"),
        pytest.param(
            [["Scan Start", "2026-08-20"], ["Scan End", "2026-08-21"]], date(2026, 8, 20), None, id="start and end"
        ),
        pytest.param(
            [["Start Date", "End Date"], ["2026-08-01", "2026-08-31"]], date(2026, 8, 31), None, id="a period"
        ),
        pytest.param([["Finished", "2026-08-21"]], date(2026, 8, 21), None, id="only the end"),
        pytest.param([["License expires", "2026-08-20"]], None, None, id="of a licence"),
        pytest.param([["First Detected: after 01/01/2026"]], None, None, id="a filter"),
        pytest.param([["Plugin feed", "2026-08-20"]], None, None, id="of the feed"),
        pytest.param([["Scan Date", "2026-09-16"]], None, None, id="to come"),
        pytest.param([["Scan Date", "1970-01-01"]], None, None, id="none"),
        pytest.param([["Acme", "Berlin"], ["Report of today"]], None, None, id="no date"),
    ],
)
def test_what_it_says(rows, launched, made):
    assert scan_date.read_preamble(rows, TODAY, day_first=False) == (launched, made)


@pytest.mark.parametrize(("day_first", "found"), [(True, date(2026, 4, 3)), (False, date(2026, 3, 4))])
def test_dates_in_numbers_are_read_like_those_of_the_rows(day_first, found):
    assert scan_date.read_preamble([["Launch Date", "03/04/2026"]], TODAY, day_first=day_first).launched == found
